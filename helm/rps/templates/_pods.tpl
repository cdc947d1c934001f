{{/* What all pods and containers share. */}}

{{/* Service account and scheduling of a pod: dict root, and `account` for the one that may use the Kubernetes API. */}}
{{- define "rps.pod" -}}
serviceAccountName: {{ include "rps.fullname" .root }}{{ if .account }}-{{ .account }}{{ end }}
automountServiceAccountToken: {{ if .account }}true{{ else }}false{{ end }}
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Affinity of pods of ours: those that share a volume of one node stay together. */}}
{{- define "rps.affinity" -}}
{{- if .root.Values.affinity }}
affinity: {{- toYaml .root.Values.affinity | nindent 2 }}
{{- else if and .sharesData (include "rps.hasDataVolume" .root) (eq .root.Values.persistence.accessMode "ReadWriteOnce") }}
affinity:
  podAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
            app.kubernetes.io/instance: {{ .root.Release.Name }}
          matchExpressions:
            - {key: app.kubernetes.io/component, operator: In, values: [api, dagster]}
{{- end }}
{{- end -}}

{{/* dict root, uid (ours where missing). */}}
{{- define "rps.podSecurity" -}}
{{- $uid := int (default .root.Values.podSecurity.uid .uid) -}}
runAsNonRoot: true
runAsUser: {{ $uid }}
runAsGroup: {{ $uid }}
fsGroup: {{ $uid }}
fsGroupChangePolicy: OnRootMismatch
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
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ include "rps.secretName" .root }}
      key: {{ .key }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end -}}

{{- define "rps.storeSecrets" -}}
{{- if include "rps.onPostgres" . }}
{{ include "rps.secretVariable" (dict "root" . "name" "PGPASSWORD" "key" "postgresql-password") }}
{{- end }}
{{- if ne .Values.objectStore.kind "none" }}
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

{{/* Image, environment, security and writable folders of a container of the assets image. */}}
{{- define "rps.assetsContainer" -}}
image: {{ include "rps.image.assets" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{- include "rps.containerSecurity" . | nindent 2 }}
envFrom:
  - configMapRef: {name: {{ include "rps.fullname" . }}-env}
  - configMapRef: {name: {{ include "rps.fullname" . }}-env-assets}
env: {{- include "rps.assetsSecrets" . | trim | nindent 2 }}
  - name: DAGSTER_HOME
    value: /data/dagster
  # Runs use the image of their code location.
  - name: DAGSTER_CURRENT_IMAGE
    value: {{ include "rps.image.assets" . }}
volumeMounts: {{- include "rps.mounts" . | nindent 2 }}
{{- end -}}

{{- define "rps.mounts" -}}
- {name: data, mountPath: /data}
- {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* The data volume where there is one, else a folder that lives as long as the pod. */}}
{{- define "rps.volumes" -}}
{{- if include "rps.hasDataVolume" . }}
- name: data
  persistentVolumeClaim: {claimName: {{ include "rps.dataClaim" . }}}
{{- else }}
- name: data
  emptyDir: {}
{{- end }}
- name: tmp
  emptyDir: {}
{{- end -}}

{{/* Pods start again when what they read at their start has changed. */}}
{{- define "rps.checksums" -}}
checksum/environment: {{ include (print .Template.BasePath "/environment.yaml") . | sha256sum }}
{{- end -}}
