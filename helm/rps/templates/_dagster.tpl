{{/* The Dagster instance: the file of `rps up`, with storage, launcher and sizes of this cluster. */}}
{{- define "rps.dagsterYaml" -}}
{{- $instance := .Files.Get "files/dagster.yaml" | fromYaml -}}
{{- $_ := set $instance.concurrency "runs" (dict "max_concurrent_runs" .Values.dagster.runs.maxConcurrent) -}}
{{- if include "rps.onPostgres" . -}}
{{- $_ := set $instance "storage" (include "rps.dagsterStorage" . | fromYaml) -}}
{{- end -}}
{{- if include "rps.runsArePods" . -}}
{{- $_ := set $instance "run_launcher" (include "rps.runLauncher" . | fromYaml) -}}
{{- /* A run's output disappears with its pod; its log is in the database. */ -}}
{{- $_ := set $instance "compute_logs" (dict "module" "dagster._core.storage.noop_compute_log_manager" "class" "NoOpComputeLogManager") -}}
{{- end -}}
{{ toYaml $instance }}
{{- end -}}

{{- define "rps.dagsterStorage" -}}
postgres:
  postgres_db:
    # No password here: libpq reads PGPASSWORD. Names the driver because SQLAlchemy's default is a different one.
    scheme: postgresql+psycopg2
    username: {{ .Values.database.user | quote }}
    hostname: {{ include "rps.postgresHost" . | quote }}
    port: {{ include "rps.postgresPort" . }}
    db_name: {{ .Values.database.names.dagster | quote }}
    {{- if and (eq .Values.database.kind "external") .Values.database.external.parameters }}
    params: {{- toYaml .Values.database.external.parameters | nindent 6 }}
    {{- end }}
{{- end -}}

{{- define "rps.runLauncher" -}}
{{- $name := include "rps.fullname" . -}}
{{- $run := dict "root" . "component" "run" "sharesData" true -}}
module: dagster_k8s
class: K8sRunLauncher
config:
  load_incluster_config: true
  job_namespace: {{ .Release.Namespace | quote }}
  # A run without step pods needs no access to the cluster.
  service_account_name: {{ include "rps.account" (merge (dict "account" (ternary "launcher" "" .Values.dagster.runs.stepPods)) $run) }}
  job_image: {{ include "rps.image.assets" . }}
  image_pull_policy: {{ .Values.image.pullPolicy }}
  {{- with .Values.image.pullSecrets }}
  image_pull_secrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  instance_config_map: {{ $name }}-dagster
  dagster_home: /data/dagster
  env_config_maps: [{{ $name }}-env, {{ $name }}-env-assets]
  labels: {{- ((include "rps.podMetadata" (merge (dict "plain" true) $run)) | fromYaml).labels | toYaml | nindent 4 }}
  resources: {{- toYaml .Values.dagster.runs.resources | nindent 4 }}
  security_context: {{- include "rps.containerSecurity" . | nindent 4 }}
  volumes: {{- include "rps.volumes" $run | trim | nindent 4 }}
  volume_mounts: {{- include "rps.mounts" $run | nindent 4 }}
  # Keep failed pods of failed runs, so that `kubectl get pods` shows them.
  fail_pod_on_run_failure: true
  run_k8s_config:
    container_config:
      env: {{- include "rps.assetsSecrets" . | trim | nindent 8 }}
        {{- include "rps.extra" (merge (dict "key" "extraEnv") $run) | nindent 8 }}
    job_spec_config:
      ttlSecondsAfterFinished: {{ .Values.dagster.runs.jobTtlSeconds }}
      backoffLimit: {{ .Values.dagster.runs.jobBackoffLimit }}
    {{- with ((include "rps.podMetadata" $run) | fromYaml).annotations }}
    pod_template_spec_metadata:
      annotations: {{- toYaml . | nindent 8 }}
    {{- end }}
    pod_spec_config:
      automountServiceAccountToken: {{ .Values.dagster.runs.stepPods }}
      enableServiceLinks: false
      securityContext: {{- include "rps.podSecurity" $run | nindent 8 }}
      {{- include "rps.scheduling" (omit $run "sharesData") | nindent 6 }}
{{- end -}}

{{/* Puts the instance file into DAGSTER_HOME, waits for the database, and creates or migrates the tables. */}}
{{- define "rps.prepareDagster" -}}
- name: prepare
  {{- include "rps.assetsContainer" . | nindent 2 }}
    - {name: dagster-config, mountPath: /etc/rps}
  command:
    - sh
    - -ec
    - |
      trap exit TERM
      mkdir -p "$DAGSTER_HOME"
      cp /etc/rps/dagster.yaml "$DAGSTER_HOME/dagster.yaml"
      {{- if include "rps.runsArePods" .root }}
      until dagster instance migrate; do sleep 3; done
      {{- else }}
      exec python -m rps_assets.automation.instance
      {{- end }}
  resources: {{- toYaml .root.Values.dagster.daemon.resources | nindent 4 }}
{{- end -}}

{{- define "rps.codeContainer" -}}
- name: code
  {{- include "rps.assetsContainer" . | nindent 2 }}
  {{- if include "rps.runsArePods" .root }}
  command: [dagster, api, grpc, --host, 0.0.0.0, --port, "4000", -m, rps_assets.definitions, --location-name, rps_quest]
  {{- else }}
  # Runs are processes of this container and end when it restarts. Without this, Dagster would not notice, and a training
  # would hold its pool for an hour.
  command:
    - sh
    - -ec
    - |
      python -m rps_assets.automation.instance
      exec dagster api grpc --host 0.0.0.0 --port 4000 -m rps_assets.definitions --location-name rps_quest
  {{- end }}
  ports:
    - {name: grpc, containerPort: 4000}
  {{- include "rps.probes" (dict "root" .root "component" "code") | nindent 2 }}
  resources: {{- toYaml .root.Values.dagster.code.resources | nindent 4 }}
{{- end -}}

{{- define "rps.webserverContainer" -}}
- name: webserver
  {{- include "rps.assetsContainer" . | nindent 2 }}
    - {name: dagster-config, mountPath: /etc/rps}
  command: [dagster-webserver, --host, 0.0.0.0, --port, "3000", --workspace, /etc/rps/workspace.yaml]
  ports:
    - {name: http, containerPort: 3000}
  {{- include "rps.probes" (dict "root" .root "component" "webserver") | nindent 2 }}
  resources: {{- toYaml .root.Values.dagster.webserver.resources | nindent 4 }}
{{- end -}}

{{- define "rps.daemonContainer" -}}
- name: daemon
  {{- include "rps.assetsContainer" . | nindent 2 }}
    - {name: dagster-config, mountPath: /etc/rps}
  command: [dagster-daemon, run, --workspace, /etc/rps/workspace.yaml]
  {{- include "rps.probes" (dict "root" .root "component" "daemon") | nindent 2 }}
  resources: {{- toYaml .root.Values.dagster.daemon.resources | nindent 4 }}
{{- end -}}

{{/* One Deployment of Dagster: dict root, component, account, containers (names of templates), prepare, replace. */}}
{{- define "rps.dagsterDeployment" -}}
{{- $labels := dict "root" .root "component" .component -}}
{{- $pod := merge (dict "sharesData" true "account" .account) $labels -}}
{{- $instance := printf "%s%s" (include "rps.dagsterYaml" .root) (include "rps.workspaceYaml" .root) | sha256sum -}}
{{- $annotations := merge (dict "checksum/instance" $instance) (include "rps.checksums" .root | fromYaml) -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "rps.fullname" .root }}-{{ .component }}
  labels: {{- include "rps.labels" $labels | nindent 4 }}
spec:
  replicas: 1
  revisionHistoryLimit: 3
  strategy:
    type: {{ if .replace }}Recreate{{ else }}RollingUpdate{{ end }}
  selector:
    matchLabels: {{- include "rps.selector" $labels | nindent 6 }}
  template:
    metadata: {{- include "rps.podMetadata" (merge (dict "annotations" $annotations) $pod) | nindent 6 }}
    spec:
      {{- include "rps.pod" $pod | nindent 6 }}
      terminationGracePeriodSeconds: 60
      {{- if .prepare }}
      initContainers: {{- include "rps.prepareDagster" $pod | nindent 8 }}
      {{- end }}
      containers:
        {{- range .containers }}
        {{- include . $pod | nindent 8 }}
        {{- end }}
      volumes: {{- include "rps.volumes" $pod | trim | nindent 8 }}
        - name: dagster-config
          configMap: {name: {{ include "rps.fullname" .root }}-dagster}
{{- end -}}

{{- define "rps.workspaceYaml" -}}
load_from:
  - grpc_server:
      host: {{ if include "rps.runsArePods" . }}{{ include "rps.fullname" . }}-code{{ else }}127.0.0.1{{ end }}
      port: 4000
      location_name: rps_quest
{{- end -}}

{{- define "rps.probes.code" -}}
startupProbe:
  grpc: {port: 4000, service: DagsterApi}
  timeoutSeconds: 5
  periodSeconds: 3
  failureThreshold: 60
readinessProbe:
  grpc: {port: 4000, service: DagsterApi}
  periodSeconds: 10
  timeoutSeconds: 5
livenessProbe:
  grpc: {port: 4000, service: DagsterApi}
  periodSeconds: 20
  timeoutSeconds: 10
  failureThreshold: 6
{{- end -}}

{{- define "rps.probes.webserver" -}}
startupProbe:
  httpGet: {path: /server_info, port: 3000}
  timeoutSeconds: 5
  periodSeconds: 3
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /server_info, port: 3000}
  periodSeconds: 10
  timeoutSeconds: 5
livenessProbe:
  httpGet: {path: /server_info, port: 3000}
  periodSeconds: 20
  timeoutSeconds: 10
  failureThreshold: 6
{{- end -}}

{{- define "rps.probes.daemon" -}}
# The daemon has no port. Each probe starts a Python process that imports Dagster, so probe rarely and with a long time-out.
startupProbe:
  exec: {command: [dagster-daemon, liveness-check]}
  initialDelaySeconds: 10
  periodSeconds: 15
  timeoutSeconds: 60
  failureThreshold: 20
livenessProbe:
  exec: {command: [dagster-daemon, liveness-check]}
  periodSeconds: 120
  timeoutSeconds: 60
  failureThreshold: 3
{{- end -}}
