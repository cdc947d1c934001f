{{/* What all pods and containers share. */}}

{{/*
What a component adds to its pods: the values of all pods, extended by `workloads.<component>`. Lists are appended, maps
merged, single values replaced. Gives YAML: dict root, component.
*/}}
{{- define "rps.own" -}}
{{- $own := get .root.Values.workloads .component | default dict -}}
{{- $all := pick .root.Values "affinity" "priorityClassName" -}}
{{- range $key := list "affinity" "priorityClassName" -}}
{{- with get $own $key }}{{ $_ := set $all $key . }}{{ end -}}
{{- end -}}
{{- range $key := list "podLabels" "podAnnotations" "nodeSelector" -}}
{{- $_ := set $all $key (merge (dict) (get $own $key | default dict) (get $.root.Values $key | default dict)) -}}
{{- end -}}
{{- range $key := list "tolerations" "topologySpreadConstraints" "hostAliases" "extraEnv" "extraVolumes" "extraVolumeMounts" -}}
{{- $_ := set $all $key (concat (get $.root.Values $key | default list) (get $own $key | default list)) -}}
{{- end -}}
{{- with .root.Values.certificates -}}
{{- if or .configMap .secret -}}
{{- $file := printf "/etc/rps-certificates/%s" .key -}}
{{- range list "SSL_CERT_FILE" "REQUESTS_CA_BUNDLE" "AWS_CA_BUNDLE" "PGSSLROOTCERT" -}}
{{- $_ := set $all "extraEnv" (prepend $all.extraEnv (dict "name" . "value" $file)) -}}
{{- end -}}
{{- $source := ternary (dict "configMap" (dict "name" .configMap)) (dict "secret" (dict "secretName" .secret)) (ne .configMap "") -}}
{{- $_ := set $all "extraVolumes" (prepend $all.extraVolumes (merge (dict "name" "certificates") $source)) -}}
{{- $_ := set $all "extraVolumeMounts" (prepend $all.extraVolumeMounts (dict "name" "certificates" "mountPath" "/etc/rps-certificates" "readOnly" true)) -}}
{{- end -}}
{{- end -}}
{{ toYaml $all }}
{{- end -}}

{{/* Probes of a container: those of `rps.probes.<component>`, changed by `workloads.<component>.probes`: dict root, component. */}}
{{- define "rps.probes" -}}
{{- $probes := include (printf "rps.probes.%s" .component) .root | fromYaml -}}
{{- $own := dig .component "probes" dict .root.Values.workloads -}}
{{- range $kind, $change := $own -}}
{{- $_ := set $probes (printf "%sProbe" $kind) (merge (dict) $change (get $probes (printf "%sProbe" $kind) | default dict)) -}}
{{- end -}}
{{ toYaml $probes }}
{{- end -}}

{{/* Entries of `env`, `volumes` or `volumeMounts` that a component adds to a list: dict root, component, key. */}}
{{- define "rps.extra" -}}
{{- with get (include "rps.own" . | fromYaml) .key }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Scheduling of a pod, also of a run: dict root, component, and `sharesData` for pods that use the data volume. */}}
{{- define "rps.scheduling" -}}
{{- $own := include "rps.own" . | fromYaml -}}
{{- range $key := list "priorityClassName" "nodeSelector" "tolerations" "hostAliases" }}
{{- with get $own $key }}
{{ dict $key . | toYaml }}
{{- end }}
{{- end }}
{{- with $own.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- else }}
{{- if and .sharesData (include "rps.hasDataVolume" .root) (eq .root.Values.persistence.accessMode "ReadWriteOnce") }}
# The data volume is on one node.
affinity:
  podAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | quote }}
            app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
          matchExpressions:
            - {key: app.kubernetes.io/component, operator: In, values: [api, dagster]}
{{- end }}
{{- end }}
{{- with $own.topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml . | nindent 2 }}
{{- else }}
{{- if and (eq .component "api") (include "rps.severalReplicas" .root) }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "rps.selector" . | nindent 8 }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
Metadata of a pod: dict root, component, annotations (a dict), and `plain` for a template that must stay the same when
the chart's version changes.
*/}}
{{- define "rps.podMetadata" -}}
{{- $own := include "rps.own" . | fromYaml -}}
labels:
  {{- merge (include (ternary "rps.selector" "rps.labels" (hasKey . "plain")) . | fromYaml) $own.podLabels | toYaml | nindent 2 }}
{{- with merge (.annotations | default dict) $own.podAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
What the specifications of all pods share: dict root, component, and if needed `account` for the one that may use the
Kubernetes API, `uid` (ours if missing; null leaves the choice to the cluster), `sharesData`.
*/}}
{{- define "rps.pod" -}}
serviceAccountName: {{ include "rps.account" . }}
automountServiceAccountToken: {{ if .account }}true{{ else }}false{{ end }}
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- include "rps.scheduling" . }}
securityContext: {{- include "rps.podSecurity" . | nindent 2 }}
{{- end -}}

{{/* dict root, uid (ours if missing). */}}
{{- define "rps.podSecurity" -}}
{{- $uid := .root.Values.podSecurity.uid -}}
{{- if hasKey . "uid" }}{{ $uid = .uid }}{{ end -}}
runAsNonRoot: true
{{- with $uid }}
runAsUser: {{ int . }}
runAsGroup: {{ int . }}
fsGroup: {{ int . }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "rps.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* A variable from a key of the Secret: dict root, name, key, optional. */}}
{{- define "rps.secretVariable" -}}
{{- $place := get .root.Values.secrets.keys .key | default .key -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ ternary (dir $place) (include "rps.secretName" .root) (contains "/" $place) | quote }}
      key: {{ base $place | quote }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end -}}

{{- define "rps.storeSecrets" -}}
{{- if include "rps.onPostgres" . }}
{{ include "rps.secretVariable" (dict "root" . "name" "PGPASSWORD" "key" "postgresql-password") }}
{{- end }}
{{- if and (ne .Values.objectStore.kind "none") .Values.objectStore.keys }}
{{ include "rps.secretVariable" (dict "root" . "name" "MINIO_ACCESS_KEY" "key" "minio-access-key") }}
{{ include "rps.secretVariable" (dict "root" . "name" "MINIO_SECRET_KEY" "key" "minio-secret-key") }}
{{- end }}
{{ include "rps.secretVariable" (dict "root" . "name" "RPS_API_TOKEN" "key" "api-token") }}
{{- end -}}

{{- define "rps.assetsSecrets" -}}
{{ include "rps.storeSecrets" . }}
{{ include "rps.secretVariable" (dict "root" . "name" "RPS_ALERT_WEBHOOK_URL" "key" "alert-webhook-url" "optional" true) }}
{{- if eq .Values.mlflow.kind "external" }}
{{ include "rps.secretVariable" (dict "root" . "name" "MLFLOW_TRACKING_USERNAME" "key" "mlflow-username" "optional" true) }}
{{ include "rps.secretVariable" (dict "root" . "name" "MLFLOW_TRACKING_PASSWORD" "key" "mlflow-password" "optional" true) }}
{{- end }}
{{- end -}}

{{/* Image, environment, security and writable folders of a container of the assets image: dict root, component. */}}
{{- define "rps.assetsContainer" -}}
image: {{ include "rps.image.assets" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext: {{- include "rps.containerSecurity" . | nindent 2 }}
envFrom:
  - configMapRef: {name: {{ include "rps.fullname" .root }}-env}
  - configMapRef: {name: {{ include "rps.fullname" .root }}-env-assets}
env: {{- include "rps.assetsSecrets" .root | trim | nindent 2 }}
  - name: DAGSTER_HOME
    value: /data/dagster
  # Runs use the image of their code location.
  - name: DAGSTER_CURRENT_IMAGE
    value: {{ include "rps.image.assets" .root }}
  {{- include "rps.extra" (merge (dict "key" "extraEnv") .) | nindent 2 }}
volumeMounts: {{- include "rps.mounts" . | nindent 2 }}
{{- end -}}

{{/* dict root, component. */}}
{{- define "rps.mounts" -}}
- {name: data, mountPath: /data}
- {name: tmp, mountPath: /tmp}
{{- include "rps.extra" (merge (dict "key" "extraVolumeMounts") .) }}
{{- end -}}

{{/* Volumes of a component: dict root, component. `data` lives as long as the pod, unless the pod shares the data volume
(`sharesData`), has its own `claim`, or its StatefulSet has one (`noData`). */}}
{{- define "rps.volumes" -}}
{{- $claim := .claim -}}
{{- if and .sharesData (include "rps.hasDataVolume" .root) }}{{ $claim = include "rps.dataClaim" .root }}{{ end -}}
{{- if not .noData }}
- name: data
  {{- if $claim }}
  persistentVolumeClaim: {claimName: {{ $claim | quote }}}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}
- name: tmp
  emptyDir: {}
{{- include "rps.extra" (merge (dict "key" "extraVolumes") .) }}
{{- end -}}

{{/* Pods start again when what they read at their start has changed. Gives YAML. */}}
{{- define "rps.checksums" -}}
checksum/environment: {{ include (print .Template.BasePath "/environment.yaml") . | sha256sum }}
{{- end -}}

{{/* A Job that Helm, Argo CD and kubectl can apply again: its name changes with its pod, because a Job cannot. It stays
when it is done, so that nobody starts it again: dict root, component, seconds, pod (YAML). */}}
{{- define "rps.job" -}}
{{- $metadata := include "rps.podMetadata" (merge (dict "plain" true) .) -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "rps.fullname" .root }}-{{ .component }}-{{ print $metadata .pod | sha256sum | trunc 8 }}
  labels: {{- include "rps.labels" . | nindent 4 }}
spec:
  backoffLimit: 6
  activeDeadlineSeconds: {{ .seconds }}
  template:
    metadata: {{- $metadata | nindent 6 }}
    spec: {{- .pod | nindent 6 }}
{{- end -}}
