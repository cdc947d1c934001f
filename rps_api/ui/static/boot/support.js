// Tells visitors whose browser is too old what the page needs. Written for old browsers: the modules do not run there.
(function () {
  var lacks =
    !("noModule" in document.createElement("script")) ||
    !window.HTMLDialogElement ||
    !window.ResizeObserver ||
    !window.AbortController ||
    !Array.prototype.at ||
    !Element.prototype.replaceChildren ||
    !window.CSS ||
    !CSS.supports("inset", "0");
  if (!lacks) return;
  var note = document.createElement("p");
  note.className = "notice notice--unsupported";
  note.setAttribute("role", "alert");
  note.textContent =
    "This browser is too old for this page. It needs Chrome or Edge 98, Firefox 98, Safari 15.4, or a newer one.";
  var main = document.getElementById("main");
  if (main) main.insertBefore(note, main.firstChild);
})();
