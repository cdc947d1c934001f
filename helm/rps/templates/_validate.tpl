{{/* Values that contradict each other: each message names them and says what to do. */}}
{{- define "rps.validate" -}}
{{- $v := .Values -}}
{{- $sqlite := eq $v.database.kind "sqlite" -}}
{{- if and $sqlite (include "rps.severalReplicas" .) -}}
{{- fail "api.replicas and api.autoscaling.enabled: several replicas cannot share SQLite; set database.kind to builtin or external, or api.replicas to 1 and api.autoscaling.enabled to false" -}}
{{- end -}}
{{- if and $sqlite (include "rps.runsArePods" .) -}}
{{- fail "dagster.runs.launcher: runs that are Jobs cannot share Dagster's SQLite; set dagster.runs.launcher to in-pod, or database.kind to builtin or external" -}}
{{- end -}}
{{- if and $v.dagster.runs.stepPods (not (include "rps.runsArePods" .)) -}}
{{- fail "dagster.runs.stepPods: steps can be pods only if runs are; set dagster.runs.launcher to kubernetes, or dagster.runs.stepPods to false" -}}
{{- end -}}
{{- $spread := or (include "rps.severalReplicas" .) (include "rps.runsArePods" .) -}}
{{- if and (eq $v.objectStore.kind "none") $spread (ne $v.persistence.accessMode "ReadWriteMany") -}}
{{- fail "objectStore.kind: without an S3 server, replicas and runs on several nodes share the data volume; set persistence.accessMode to ReadWriteMany, objectStore.kind to builtin or external, or use one replica and dagster.runs.launcher in-pod" -}}
{{- end -}}
{{- if and (eq $v.database.kind "external") (not $v.database.external.host) -}}
{{- fail "database.external.host: is empty; name the host of your PostgreSQL, or set database.kind to builtin" -}}
{{- end -}}
{{- if and (eq $v.objectStore.kind "external") $v.objectStore.keys (not $v.objectStore.external.endpoint) -}}
{{- fail "objectStore.external.endpoint: is empty; name the address of your S3 server, or set objectStore.kind to builtin, or objectStore.keys to false for AWS with a role" -}}
{{- end -}}
{{- if and (not $v.objectStore.keys) (ne $v.objectStore.kind "external") -}}
{{- fail "objectStore.keys: only an external store accepts roles; set objectStore.kind to external, or objectStore.keys to true" -}}
{{- end -}}
{{- if and (not $v.objectStore.keys) $v.objectStore.createBucket -}}
{{- fail "objectStore.createBucket: the Job that creates buckets needs keys; create the bucket yourself, and set objectStore.createBucket to false" -}}
{{- end -}}
{{- if and (eq $v.mlflow.kind "external") (not $v.mlflow.external.url) -}}
{{- fail "mlflow.external.url: is empty; name the tracking URI of your MLflow, or set mlflow.kind to builtin" -}}
{{- end -}}
{{- if and (or (eq $v.database.kind "external") (eq $v.objectStore.kind "external")) (not $v.secrets.existingSecret) -}}
{{- fail "secrets.existingSecret: the chart cannot generate the credentials of external stores; create a Secret with the keys api-token, postgresql-password, minio-access-key and minio-secret-key, and name it here" -}}
{{- end -}}
{{- if and $v.api.autoscaling.enabled (lt (int $v.api.autoscaling.maxReplicas) (int $v.api.autoscaling.minReplicas)) -}}
{{- fail "api.autoscaling.maxReplicas: is less than api.autoscaling.minReplicas; raise it" -}}
{{- end -}}
{{- if and $v.api.ingress.tlsSecret (not $v.api.ingress.host) -}}
{{- fail "api.ingress.tlsSecret: a certificate needs a host; set api.ingress.host" -}}
{{- end -}}
{{- if and $v.api.ingress.otherHosts (not $v.api.ingress.host) -}}
{{- fail "api.ingress.otherHosts: without api.ingress.host the Ingress accepts any host; set api.ingress.host to one of them" -}}
{{- end -}}
{{- if and $v.certificates.configMap $v.certificates.secret -}}
{{- fail "certificates.configMap and certificates.secret: only one can hold the file; remove the other" -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]" (include "rps.fullname" .)) -}}
{{- fail (printf "the name %s of the objects begins with a digit, which Services cannot; set fullnameOverride, or choose another name for the release" (include "rps.fullname" .)) -}}
{{- end -}}
{{- include "rps.validateSettings" . -}}
{{- end -}}

{{- define "rps.validateSettings" -}}
{{- $instead := dict
  "RPS_API_TOKEN" "the key api-token of secrets.existingSecret"
  "RPS_ALERT_WEBHOOK_URL" "the key alert-webhook-url of secrets.existingSecret"
  "MINIO_ACCESS_KEY" "the key minio-access-key of secrets.existingSecret"
  "MINIO_SECRET_KEY" "the key minio-secret-key of secrets.existingSecret"
  "RPS_DATABASE_URL" "database.kind and what is below it"
  "RPS_DB_PATH" "database.kind: sqlite"
  "RPS_CACHE_URL" "objectStore.kind and what is below it"
  "RPS_DATA_URL" "objectStore.kind and what is below it"
  "USE_MINIO" "objectStore.kind"
  "MINIO_ENDPOINT" "objectStore.external.endpoint"
  "MINIO_BUCKET" "objectStore.bucket"
  "MLFLOW_TRACKING_URI" "mlflow.external.url"
  "RPS_DAGSTER_PUBLIC_URL" "dagster.webserver.url"
  "RPS_MLFLOW_PUBLIC_URL" "mlflow.publicUrl"
  "RPS_TRUSTED_PROXIES" "api.trustedProxies"
  "RPS_ROOT_PATH" "api.rootPath"
  "RPS_MODEL_REFRESH_SECONDS" "api.modelRefreshSeconds"
  "RPS_STEP_PODS" "dagster.runs.stepPods"
  "RPS_BOOTSTRAP_GAMES" "bootstrap.games"
-}}
{{- $fixed := list "RPS_DAGSTER_URL" "DATA_PATH" "API_BASE" "RPS_HOST" "RPS_API_PORT" "RPS_DAGSTER_PORT" "RPS_MLFLOW_PORT" -}}
{{- range $name, $_ := .Values.settings -}}
{{- if hasKey $instead $name -}}
{{- fail (printf "settings.%s: the chart sets it; use %s" $name (get $instead $name)) -}}
{{- end -}}
{{- if has $name $fixed -}}
{{- fail (printf "settings.%s: the chart sets it, because its Services and volumes depend on it; remove it" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
