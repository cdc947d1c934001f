try {
  document.documentElement.dataset.theme = localStorage.getItem("rps-lite-theme") ?? "system";
} catch {
  // Without storage the page follows the system.
}
