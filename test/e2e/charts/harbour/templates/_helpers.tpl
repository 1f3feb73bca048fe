{{- define "harbour.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* A hook that is a pod: a dict of root, name, hook, weight, policy, code. */}}
{{- define "harbour.hook" -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  labels: {{- include "harbour.labels" .root | nindent 4 }}
  annotations:
    helm.sh/hook: {{ .hook }}
    helm.sh/hook-weight: {{ .weight | quote }}
    helm.sh/hook-delete-policy: {{ .policy }}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
    - name: hook
      image: {{ .root.Values.image }}
      command: [sh, -c, {{ .code | quote }}]
{{- end -}}
