"""The commands, in the order in which they are typed."""

from tests.sandbox.recorded.kubectl.terminal import Command

__all__ = ["SESSION"]

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1
        ports: [{containerPort: 80}]
        resources: {requests: {cpu: 10m, memory: 16Mi}}
        readinessProbe: {httpGet: {path: /, port: 80}}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: web}}
data: {colour: blue, size: "1"}
"""

LIST = """
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: one}, data: {a: b}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: two}, data: {a: b}}
"""

WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.session.example.com}
spec:
  group: session.example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wd], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        description: A thing with a size.
        properties:
          spec:
            type: object
            description: What the widget should be.
            required: [size]
            properties:
              size: {type: integer, description: How large it is., minimum: 1}
              tags: {type: array, items: {type: string}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
"""

WIDGET = """
apiVersion: session.example.com/v1
kind: Widget
metadata: {name: w}
spec: {size: 3}
"""

REDUCED = WEB.replace("replicas: 2", "replicas: 1")
RED = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: red}
"""


def _k(line: str, stdin: str = "", *more: str, shown: str = "all", editor: str = "", retried: bool = False) -> Command:
    return Command((*line.split(), *more), stdin, editor, shown, retried)


_APPLY = "apply -f -"

SESSION: tuple[Command, ...] = (
    _k("create namespace {ns}"),
    # What is there
    _k("api-resources --sort-by=name", shown="all"),
    _k("api-versions"),
    _k("get --raw /readyz"),
    _k("cluster-info", shown="none"),
    _k("get namespaces {ns}"),
    _k("get all"),
    _k("get nodes"),
    _k("get nothing"),
    _k("get deployment none"),
    _k("get pods -A --field-selector=metadata.name=none"),
    # Apply
    _k(_APPLY, WEB),
    _k("rollout status deployment/web --timeout=60s", shown="last"),
    _k(_APPLY, WEB),
    _k("get deployment,service,configmap -l app=web"),
    _k("get deployment web -o wide"),
    _k("get replicasets"),
    _k("get pods -l app=web", shown="sorted"),
    _k("get pods -l app=web -o name", shown="sorted"),
    _k("get service web -o wide"),
    _k("get endpointslices -l kubernetes.io/service-name=web", shown="none"),
    _k("get configmap settings -o yaml"),
    _k("get configmap settings -o jsonpath={.data.colour}"),
    _k("get deployments -o custom-columns=NAME:.metadata.name,WANTED:.spec.replicas"),
    _k("get deployment web -o yaml"),
    _k("get service web -o yaml"),
    _k("describe deployment web"),
    _k("describe service web"),
    _k("describe configmap settings"),
    _k("describe namespace {ns}"),
    _k("events --for=deployment/web"),
    _k("wait deployment/web --for=condition=Available --timeout=60s"),
    _k("wait deployment/web --for=jsonpath={.status.readyReplicas}=2 --timeout=60s"),
    # Changes
    _k("diff -f -", REDUCED),
    _k("diff -f -", WEB),
    _k("diff --server-side -f -", RED),
    _k("edit configmap settings", editor="s/blue/green/"),
    _k("edit configmap settings", editor="s/green/green/"),
    _k("get configmap settings -o jsonpath={.data}"),
    _k("patch configmap settings --type=merge -p", "", '{"data":{"size":"2"}}'),
    _k("patch configmap settings --type=json -p", "", '[{"op":"remove","path":"/data/size"}]'),
    _k("patch configmap settings --type=json -p", "", '[{"op":"remove","path":"/data/none"}]'),
    _k(
        "patch deployment web -p",
        "",
        '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"A","value":"1"}]}]}}}}',
    ),
    _k("rollout status deployment/web --timeout=60s", shown="last"),
    _k("label configmap settings tier=front"),
    _k("label configmap settings tier=back"),
    _k("label configmap settings tier=back --overwrite"),
    _k("label configmap settings tier-"),
    _k("annotate configmap settings note=hello"),
    _k("annotate configmap settings note-"),
    _k("scale deployment web --replicas=3"),
    _k("rollout status deployment/web --timeout=60s", shown="last"),
    _k("scale deployment web --current-replicas=7 --replicas=1"),
    _k("scale deployment none --replicas=1"),
    _k("set image deployment/web web=nginx:2"),
    _k("rollout status deployment/web --timeout=60s", shown="last"),
    _k("set env deployment/web B=2"),
    _k("rollout status deployment/web --timeout=60s", shown="last"),
    _k("rollout history deployment/web"),
    _k("rollout history deployment/web --revision=3"),
    _k("rollout undo deployment/web"),
    _k("rollout status deployment/web --timeout=60s", shown="last"),
    _k("rollout history deployment/web"),
    _k("rollout undo deployment/web --to-revision=99"),
    _k("rollout pause deployment/web"),
    _k("rollout pause deployment/web"),
    _k("rollout resume deployment/web"),
    _k("rollout restart deployment/web"),
    _k("rollout status deployment/web --timeout=60s", shown="last"),
    _k("autoscale deployment web --min=1 --max=4 --cpu-percent=80", shown="none"),
    _k("get hpa web"),
    _k("delete hpa web"),
    # Apply on the server
    _k("apply --server-side -f -", RED),
    _k("apply --server-side --field-manager=two -f -", RED),
    _k("apply --server-side --field-manager=two -f -", RED.replace("red", "pink")),
    _k("apply --server-side --field-manager=two --force-conflicts -f -", RED.replace("red", "pink")),
    _k("apply --server-side --dry-run=server -f -", WEB),
    _k("apply --dry-run=server -f -", WEB),
    _k("apply --dry-run=client -f -", WEB),
    _k("get configmap settings -o yaml --show-managed-fields"),
    # Refusals
    _k(_APPLY, WEB.replace("image: nginx:1", "imagee: nginx:1")),
    _k("apply --validate=warn -f -", RED + "extra: 1\n"),
    _k(_APPLY, WEB.replace("{app: web}}\n  template", "{app: other}}\n  template")),
    _k(_APPLY, "apiVersion: v1\nkind: Nothing\nmetadata: {name: x}\n"),
    _k(_APPLY, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: A_B}\n"),
    _k("create -f -", WEB),
    _k("replace -f -", RED),
    _k("replace -f -", RED.replace("settings", "none")),
    # Lists
    _k(_APPLY, LIST),
    _k(_APPLY, LIST),
    _k("get configmaps one two"),
    _k("delete -f -", LIST),
    # Definitions
    _k(_APPLY, WIDGETS),
    _k("wait crd/widgets.session.example.com --for=condition=Established --timeout=60s"),
    _k("get crd widgets.session.example.com"),
    _k(_APPLY, WIDGET, retried=True),
    _k("get widgets"),
    _k("get wd w -o yaml"),
    _k("get all -l app=none"),
    _k("explain widget.spec", retried=True),
    _k("explain widget.spec.size"),
    _k(_APPLY, WIDGET.replace("size: 3", "size: 0")),
    _k(_APPLY, WIDGET.replace("size: 3", "size: 3, colour: red")),
    _k("describe widget w"),
    _k("patch widget w --subresource=status --type=merge -p", "", '{"status":{"x":1}}'),
    _k("delete widget w"),
    _k("delete crd widgets.session.example.com"),
    # Explain
    _k("explain deployment.spec.replicas"),
    _k("explain pod.spec.containers.resources"),
    _k("explain service.spec.nothing"),
    # Access
    _k("auth can-i list pods"),
    _k("auth can-i list pods --as=jane"),
    _k("create serviceaccount robot"),
    _k("create role reader --verb=get,list --resource=configmaps,deployments.apps"),
    _k("create rolebinding reader --role=reader --serviceaccount={ns}:robot"),
    _k("auth can-i list configmaps --as=system:serviceaccount:{ns}:robot", retried=True),
    _k("auth can-i delete configmaps --as=system:serviceaccount:{ns}:robot"),
    _k("auth can-i --list --as=system:serviceaccount:{ns}:robot", shown="sorted"),
    _k("get pods --as=system:serviceaccount:{ns}:robot"),
    _k("get role,rolebinding"),
    _k("describe role reader"),
    _k("describe rolebinding reader"),
    _k("create token robot", shown="none"),
    _k("get serviceaccount robot"),
    # Create
    _k("create configmap made --from-literal=a=b"),
    _k("create configmap made --from-literal=a=b"),
    _k("create secret generic hidden --from-literal=a=b"),
    _k("get secret hidden"),
    _k("describe secret hidden"),
    _k("create service clusterip plain --tcp=80:8080"),
    _k("create service nodeport open --tcp=80"),
    _k("get service plain open"),
    _k("create deployment shop --image=shop:1 --replicas=1"),
    _k("expose deployment shop --port=80 --target-port=8080"),
    _k("get service shop"),
    _k("create job once --image=job:1"),
    _k("wait job/once --for=condition=Complete --timeout=60s"),
    _k("get job once", shown="all"),
    _k("create cronjob nightly --image=job:1", "", "--schedule=0 3 * * *"),
    _k("get cronjob nightly"),
    _k("create ingress front --class=nginx --rule=a.example.com/=web:80"),
    _k("get ingress front"),
    _k("describe ingress front"),
    _k("create quota small --hard=pods=100"),
    _k("create poddisruptionbudget keep --selector=app=none --min-available=1"),
    _k("get pdb keep", shown="none"),
    _k("create priorityclass high-{ns} --value=100"),
    _k("get priorityclass high-{ns}"),
    _k("delete priorityclass high-{ns}"),
    _k("run solo --image=solo:1 --labels=app=solo"),
    _k("wait pod/solo --for=condition=Ready --timeout=60s"),
    _k("get pod solo"),
    _k("get pod solo -o wide"),
    _k("top pods"),
    _k("top nodes"),
    # Nodes
    _k("cordon sandbox"),
    _k("get nodes"),
    _k("uncordon sandbox"),
    _k("taint nodes sandbox a=b:NoSchedule"),
    _k("taint nodes sandbox a-"),
    _k("drain sandbox --pod-selector=app=solo --timeout=60s"),
    _k("drain sandbox --pod-selector=app=solo --force --timeout=60s"),
    _k("uncordon sandbox"),
    # Delete
    _k("delete pod solo --ignore-not-found"),
    _k("delete configmap none"),
    _k("delete configmap none --ignore-not-found"),
    _k("delete configmap made --dry-run=server"),
    _k("delete deployment shop"),
    _k("delete job once"),
    _k("delete deployments,services -l app=web", shown="sorted"),
    _k("wait pod -l app=web --for=delete --timeout=60s"),
    _k("delete configmaps --all", shown="sorted"),
    _k("delete namespace {ns}"),
    _k("get namespace {ns}"),
)
