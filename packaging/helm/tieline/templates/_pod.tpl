{{/* One pod, of the role that is told: run, work or web. */}}
{{- define "tieline.labels" -}}
{app.kubernetes.io/name: tieline, app.kubernetes.io/instance: {{ .root.Release.Name }}, app.kubernetes.io/component: {{ .role }}}
{{- end }}
{{- define "tieline.deployment" -}}
{{- $root := .root -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  labels: {{ include "tieline.labels" . }}
spec:
  replicas: {{ .replicas }}
  # One by one: the others go on meanwhile.
  strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 1, maxSurge: 1}}
  selector:
    matchLabels: {{ include "tieline.labels" . }}
  template:
    metadata:
      labels: {{ include "tieline.labels" . }}
      annotations:
        # A changed workspace is a new set of workers.
        checksum/workspace: {{ $root.Values.workspace | sha256sum }}
        checksum/mappings: {{ $root.Values.mappings | toJson | sha256sum }}
        {{- if eq .role "run" }}
        prometheus.io/scrape: "true"
        prometheus.io/port: "8484"
        {{- end }}
    spec:
      terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: tieline
          image: {{ $root.Values.image.repository }}:{{ $root.Values.image.tag }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: {{ .args | toJson }}
          {{- if .port }}
          ports: [{name: http, containerPort: {{ .port }}}]
          readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 5}
          livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 10, failureThreshold: 6}
          {{- end }}
          env:
            - name: TIELINE_STORE
              valueFrom: {secretKeyRef: {name: {{ $root.Values.store.secret }}, key: {{ $root.Values.store.key }}}}
          envFrom:
            {{- range $root.Values.secrets }}
            - secretRef: {name: {{ . }}}
            {{- end }}
          resources: {{ .resources | toJson }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          volumeMounts:
            - {name: workspace, mountPath: /etc/tieline, readOnly: true}
            - {name: tmp, mountPath: /tmp}
      volumes:
        # One folder with all of it: the workspace names its overlays by their paths from there.
        - name: workspace
          projected:
            sources:
              - configMap: {name: {{ $root.Release.Name }}-workspace}
              {{- if $root.Values.mappings }}
              - configMap:
                  name: {{ $root.Release.Name }}-mappings
                  items:
                    {{- range $file, $text := $root.Values.mappings }}
                    - {key: {{ $file | quote }}, path: {{ printf "mappings/%s" $file | quote }}}
                    {{- end }}
              {{- end }}
        - {name: tmp, emptyDir: {}}
{{- end }}
