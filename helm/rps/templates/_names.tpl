{{/* Names, labels, images and addresses. */}}

{{- define "rps.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change: dict root, component. */}}
{{- define "rps.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "rps.labels" -}}
{{ include "rps.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: rps-quest
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "rps.image.api" -}}
{{- printf "%s/%s%s" .Values.image.registry .Values.image.api (include "rps.version" (dict "root" . "digest" .Values.image.digests.api)) -}}
{{- end -}}

{{- define "rps.image.assets" -}}
{{- printf "%s/%s%s" .Values.image.registry .Values.image.assets (include "rps.version" (dict "root" . "digest" .Values.image.digests.assets)) -}}
{{- end -}}

{{/* The version of an image: dict root, digest. */}}
{{- define "rps.version" -}}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ default .root.Chart.AppVersion .root.Values.image.tag }}{{ end -}}
{{- end -}}

{{/* Annotations of objects that outlive the release, for Helm and for Argo CD. */}}
{{- define "rps.keep" -}}
helm.sh/resource-policy: keep
argocd.argoproj.io/sync-options: Prune=false,Delete=false
{{- end -}}

{{/* Service account of a pod: dict root, and `account` for the one that may use the Kubernetes API. */}}
{{- define "rps.account" -}}
{{- $given := ternary .root.Values.serviceAccount.launcherName .root.Values.serviceAccount.name (eq (default "" .account) "launcher") -}}
{{- $own := printf "%s%s" (include "rps.fullname" .root) (ternary "-launcher" "" (eq (default "" .account) "launcher")) -}}
{{- default (ternary $own "default" .root.Values.serviceAccount.create) $given -}}
{{- end -}}

{{- define "rps.secretName" -}}
{{- default (printf "%s-secrets" (include "rps.fullname" .)) .Values.secrets.existingSecret -}}
{{- end -}}

{{- define "rps.dataClaim" -}}
{{- default (printf "%s-data" (include "rps.fullname" .)) .Values.persistence.existingClaim -}}
{{- end -}}

{{/* Conditions are "true" or empty. */}}
{{- define "rps.onPostgres" -}}
{{- if ne .Values.database.kind "sqlite" -}}true{{- end -}}
{{- end -}}

{{- define "rps.hasDataVolume" -}}
{{- if or (eq .Values.database.kind "sqlite") (eq .Values.objectStore.kind "none") -}}true{{- end -}}
{{- end -}}

{{- define "rps.runsArePods" -}}
{{- if eq .Values.dagster.runs.launcher "kubernetes" -}}true{{- end -}}
{{- end -}}

{{- define "rps.severalReplicas" -}}
{{- if or .Values.api.autoscaling.enabled (gt (int .Values.api.replicas) 1) -}}true{{- end -}}
{{- end -}}

{{- define "rps.apiUrl" -}}
{{- printf "http://%s-api.%s.svc:%d" (include "rps.fullname" .) .Release.Namespace (int .Values.api.service.port) -}}
{{- end -}}

{{- define "rps.dagsterUrl" -}}
{{- printf "http://%s-dagster.%s.svc:3000" (include "rps.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "rps.mlflowUrl" -}}
{{- if eq .Values.mlflow.kind "external" -}}
{{- .Values.mlflow.external.url -}}
{{- else -}}
{{- printf "http://%s-mlflow.%s.svc:5000" (include "rps.fullname" .) .Release.Namespace -}}
{{- end -}}
{{- end -}}

{{- define "rps.postgresHost" -}}
{{- if eq .Values.database.kind "external" -}}
{{- .Values.database.external.host -}}
{{- else -}}
{{- printf "%s-postgresql.%s.svc" (include "rps.fullname" .) .Release.Namespace -}}
{{- end -}}
{{- end -}}

{{- define "rps.postgresPort" -}}
{{- if eq .Values.database.kind "external" -}}{{ .Values.database.external.port | int }}{{- else -}}5432{{- end -}}
{{- end -}}

{{/* URL of a database without the password, which libpq reads from PGPASSWORD: dict root, driver, database. */}}
{{- define "rps.postgresUrl" -}}
{{- $query := list -}}
{{- if eq .root.Values.database.kind "external" -}}
{{- range $name, $value := .root.Values.database.external.parameters -}}
{{- $query = append $query (printf "%s=%s" $name (toString $value | urlquery)) -}}
{{- end -}}
{{- end -}}
{{- printf "postgresql+%s://%s@%s:%s/%s" .driver .root.Values.database.user (include "rps.postgresHost" .root) (include "rps.postgresPort" .root) .database -}}
{{- if $query -}}?{{- join "&" $query -}}{{- end -}}
{{- end -}}

{{- define "rps.s3Endpoint" -}}
{{- if eq .Values.objectStore.kind "external" -}}
{{- .Values.objectStore.external.endpoint -}}
{{- else -}}
{{- printf "http://%s-minio.%s.svc:9000" (include "rps.fullname" .) .Release.Namespace -}}
{{- end -}}
{{- end -}}

{{/* The port that policies open towards an external address: the one that is named, else the address's own. */}}
{{- define "rps.portOf" -}}
{{- $host := (urlParse .url).host -}}
{{- if .port -}}{{ int .port }}
{{- else if regexMatch ":[0-9]+$" $host -}}{{ regexFind "[0-9]+$" $host }}
{{- else if hasPrefix "http://" .url -}}80
{{- else -}}443
{{- end -}}
{{- end -}}
