/** What each verb of kubectl is asked to do, in this order, on one cluster. */

export interface Step {
  /** Words of the command line. `$HOME` is a directory with the files of the test. */
  readonly run: string;
  readonly input?: string;
  /** In standard output and standard error together. */
  readonly prints?: RegExp;
  /** The exit code, when it is not 0. */
  readonly fails?: number;
  /** Tried until it comes out like this. */
  readonly again?: true;
}

export interface Verb {
  readonly verb: string;
  readonly steps: readonly Step[];
  /** The part that is not there: only the API side of the verb is tested. */
  readonly without?: string;
}

/** The names of commands in `kubectl --help`. */
export function commandsOf(help: string): string[] {
  return [...help.matchAll(/^ {2}([a-z][a-z-]*) {2,}\S/gm)].map(([, name = '']) => name);
}

const image = 'timonel.local/node:host';
const server = (port: number, host: string): string =>
  `require('http').createServer((q, r) => r.end('ahoy')).listen(${port}, ${host})`;
const parrot =
  "process.stdin.on('data', (text) => console.log('heard ' + String(text).trim())); console.log('begun'); process.on('SIGTERM', () => process.exit(0))";

export const objects = {
  configMap: (name: string, text = 'before-edit'): string =>
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { set: name } }, data: { text } }),
  deployment: (replicas: number, image: string): string =>
    JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', labels: { app: 'web' } },
      spec: {
        replicas,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          // No node has this label: the pods only wait, and cost nothing.
          spec: { nodeSelector: { nowhere: 'yes' }, containers: [{ name: 'main', image }] },
        },
      },
    }),
  role: JSON.stringify({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    // kubectl takes no namespace from its own configuration here.
    metadata: { name: 'reconciled', namespace: 'default' },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
  }),
  request: (name: string): string =>
    JSON.stringify({
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name },
      spec: {
        request: Buffer.from('-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n').toString(
          'base64',
        ),
        signerName: 'example.com/signer',
        usages: ['client auth'],
      },
    }),
  /** Answers on its terminal, on its loopback address and on its own. */
  shell: JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'shell', labels: { app: 'shell' } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image,
          stdin: true,
          command: ['node', '-e', `${server(8080, "'127.0.0.1'")}; ${server(8081, "'0.0.0.0'")}; ${parrot}`],
        },
      ],
    },
  }),
} as const;

const create: readonly Step[] = [
  { run: 'create -f -', input: objects.configMap('made'), prints: /^configmap\/made created\n$/ },
  { run: 'create ns verbs', prints: /^namespace\/verbs created\n$/ },
  { run: 'create configmap conf --from-literal=a=b --from-file=$HOME/file.txt' },
  { run: 'create secret generic plain --from-literal=p=q' },
  { run: 'create secret docker-registry pull --docker-server=r.example.com --docker-username=u --docker-password=p' },
  { run: 'create secret tls pair --cert=nosuch --key=nosuch', fails: 1, prints: /nosuch/ },
  { run: 'create deployment app --image=example.com/app:1 --replicas=0 --port=80' },
  { run: 'create service clusterip one --tcp=80:8080' },
  { run: 'create service nodeport two --tcp=80:8080' },
  { run: 'create service loadbalancer three --tcp=80:8080' },
  { run: 'create service externalname four --external-name=example.com' },
  { run: "create ingress front --rule='web.example.com/*=one:80'" },
  { run: 'create job pi --image=example.com/pi:1' },
  { run: "create cronjob tick --image=example.com/tick:1 --schedule='*/5 * * * *'" },
  { run: 'create job now --from=cronjob/tick' },
  { run: 'create quota small --hard=pods=90 -n verbs' },
  { run: 'create role reader --verb=get,list --resource=pods' },
  { run: 'create rolebinding readers --role=reader --user=ada' },
  { run: 'create clusterrole looker --verb=get --resource=nodes' },
  { run: 'create clusterrolebinding lookers --clusterrole=looker --group=ops' },
  { run: 'create sa bot' },
  { run: 'create token bot --duration=10m', prints: /^[\w-]+\.[\w-]+\.[\w-]+\n?$/ },
  { run: 'create pdb keep --selector=app=web --min-available=1' },
  { run: 'create priorityclass urgent --value=10' },
  { run: 'create ns verbs', fails: 1, prints: /AlreadyExists/ },
  { run: 'create ns tried --dry-run=server', prints: /created \(server dry run\)/ },
  { run: 'get ns tried', fails: 1, prints: /NotFound/ },
];

const apply: readonly Step[] = [
  { run: 'apply -f $HOME/web.yaml', prints: /^deployment\.apps\/web created\n$/ },
  { run: 'apply -f $HOME/web.yaml', prints: /^deployment\.apps\/web unchanged\n$/ },
  { run: 'apply -k $HOME/kustom', prints: /^configmap\/from-kustom created\n$/ },
  { run: 'apply --server-side -f -', input: objects.configMap('sided'), prints: /serverside-applied/ },
  { run: 'apply -f -', input: `${objects.configMap('stays')}\n---\n${objects.configMap('goes')}` },
  {
    run: 'apply --prune --all --prune-allowlist=core/v1/ConfigMap -f -',
    input: objects.configMap('stays'),
    prints: /configmap\/goes pruned/,
  },
  { run: 'get cm goes', fails: 1, prints: /NotFound/ },
  { run: 'apply view-last-applied cm/stays', prints: /before-edit/ },
  { run: 'apply set-last-applied -f -', input: objects.configMap('stays'), prints: /configmap\/stays|unchanged/ },
  {
    run: 'apply -f -',
    input: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"odd":1}',
    fails: 1,
    prints: /unknown field "odd"/,
  },
];

const set: readonly Step[] = [
  { run: 'set image deploy/web main=example.com/web:2', prints: /image updated/ },
  { run: 'set env deploy/web A=b', prints: /env updated/ },
  { run: 'set resources deploy/web --limits=cpu=100m,memory=64Mi', prints: /resource requirements updated/ },
  { run: "set selector svc/one 'app=web'", prints: /selector updated/ },
  { run: 'set serviceaccount deploy/web bot', prints: /serviceaccount updated/ },
  { run: 'set subject rolebinding/readers --user=bob', prints: /subjects updated/ },
  { run: 'get rolebinding readers -o jsonpath={.subjects[*].name}', prints: /^ada bob$/ },
];

const rollout: readonly Step[] = [
  { run: 'rollout history deploy/web', prints: /REVISION/, again: true },
  { run: 'rollout pause deploy/web', prints: /paused/ },
  { run: 'rollout resume deploy/web', prints: /resumed/ },
  { run: 'rollout restart deploy/web', prints: /restarted/ },
  { run: 'rollout undo deploy/web', prints: /rolled back/, again: true },
  { run: 'rollout status deploy/app --timeout=30s', prints: /successfully rolled out/ },
];

export const verbs: readonly Verb[] = [
  { verb: 'version', steps: [{ run: 'version', prints: /Server Version: v1\.35/ }] },
  { verb: 'options', steps: [{ run: 'options', prints: /--kubeconfig/ }] },
  { verb: 'completion', steps: [{ run: 'completion bash', prints: /__start_kubectl/ }] },
  { verb: 'plugin', steps: [{ run: 'plugin list', fails: 1, prints: /unable to find any kubectl plugins/ }] },
  { verb: 'alpha', steps: [{ run: 'alpha --help', prints: /kuberc/ }] },
  {
    verb: 'config',
    steps: [{ run: 'config view', prints: /current-context/ }, { run: 'config get-contexts -o name' }],
  },
  { verb: 'kustomize', steps: [{ run: 'kustomize $HOME/kustom', prints: /name: from-kustom/ }] },
  { verb: 'api-versions', steps: [{ run: 'api-versions', prints: /^apps\/v1$/m }] },
  {
    verb: 'api-resources',
    steps: [
      { run: 'api-resources -o wide', prints: /^deployments +deploy +apps\/v1 +true +Deployment +.*watch +all$/m },
    ],
  },
  {
    verb: 'explain',
    steps: [
      { run: 'explain deploy.spec.replicas', prints: /^FIELD: replicas <integer>$/m },
      { run: 'explain pods --recursive', prints: /ephemeralContainers/ },
      { run: 'explain pods.spec --output=plaintext-openapiv2', prints: /containers/ },
    ],
  },
  {
    verb: 'cluster-info',
    steps: [
      { run: 'cluster-info', prints: /control plane/ },
      { run: 'cluster-info dump --output-directory=$HOME/dump', prints: /Cluster info dumped/ },
    ],
  },
  { verb: 'create', steps: create, without: 'a controller of jobs' },
  { verb: 'apply', steps: apply },
  {
    verb: 'get',
    steps: [
      { run: 'get all', prints: /^deployment\.apps\/web /m },
      { run: 'get cm -l set=made -o name', prints: /^configmap\/made\n$/ },
      { run: 'get pods -A -o wide --field-selector=status.phase=Running', prints: /shell +1\/1 +Running/ },
      { run: 'get cm made -o yaml --show-managed-fields', prints: /manager: kubectl-create/ },
      { run: 'get --raw /readyz', prints: /^ok$/ },
      {
        run: 'get cm --chunk-size=2 -o custom-columns=N:.metadata.name --sort-by=.metadata.name',
        prints: /conf\n[^]*stays/,
      },
      { run: 'get nosuch', fails: 1, prints: /doesn't have a resource type/ },
    ],
  },
  {
    verb: 'describe',
    steps: [
      { run: 'describe pod shell', prints: /Successfully assigned default\/shell/ },
      { run: 'describe node node-1', prints: /Ready +True/ },
      { run: 'describe deploy,svc,ing,cm,secret,sa,role,rolebinding,pdb,job,cj', prints: /Name: +web/ },
      { run: 'describe ns verbs', prints: /Status: +Active/ },
      { run: 'describe quota -n verbs', prints: /Name: +small/ },
    ],
  },
  {
    verb: 'diff',
    steps: [
      { run: 'diff -f $HOME/web.yaml' },
      { run: 'diff -f -', input: objects.deployment(9, 'example.com/web:1'), fails: 1, prints: /^\+ {2}replicas: 9$/m },
      {
        run: 'diff --server-side -f -',
        input: objects.configMap('sided', 'new'),
        fails: 1,
        prints: /^\+ {2}text: new$/m,
      },
    ],
  },
  {
    verb: 'edit',
    steps: [
      { run: 'edit cm made', prints: /^configmap\/made edited\n$/ },
      { run: 'get cm made -o jsonpath={.data.text}', prints: /^after-edit$/ },
    ],
  },
  {
    verb: 'replace',
    steps: [
      { run: 'replace -f -', input: objects.configMap('made', 'replaced'), prints: /^configmap\/made replaced\n$/ },
      {
        run: 'replace --force -f -',
        input: objects.configMap('made', 'forced'),
        prints: /configmap\/made replaced\n$/,
      },
      { run: 'replace -f -', input: objects.configMap('nosuch'), fails: 1, prints: /NotFound/ },
    ],
  },
  {
    verb: 'patch',
    steps: [
      { run: `patch cm made --type=merge -p '{"data":{"m":"1"}}'`, prints: /patched/ },
      { run: `patch cm made --type=json -p '[{"op":"add","path":"/data/j","value":"1"}]'`, prints: /patched/ },
      { run: `patch cm made --type=strategic -p '{"data":{"s":"1"}}'`, prints: /patched/ },
      { run: `patch deploy web --subresource=scale --type=merge -p '{"spec":{"replicas":3}}'`, prints: /patched/ },
      { run: 'get cm made -o jsonpath={.data}', prints: /"j":"1","m":"1","s":"1"/ },
    ],
  },
  {
    verb: 'label',
    steps: [
      { run: 'label cm made a=b', prints: /labeled/ },
      { run: 'label cm made a-', prints: /unlabeled/ },
      { run: 'label cm made set=other', fails: 1, prints: /already has a value/ },
    ],
  },
  {
    verb: 'annotate',
    steps: [
      { run: 'annotate cm made note=yes', prints: /annotated/ },
      { run: 'annotate cm --all note-', prints: /annotated/ },
    ],
  },
  {
    verb: 'scale',
    steps: [
      { run: 'scale deploy web --replicas=2', prints: /scaled/ },
      {
        run: 'scale deploy web --current-replicas=7 --replicas=1',
        fails: 1,
        prints: /Expected replicas to be 7, was 2/,
      },
    ],
  },
  {
    verb: 'autoscale',
    steps: [{ run: 'autoscale deploy web --max=5 --cpu=50%', prints: /autoscaled/ }],
    without: 'a controller that scales',
  },
  {
    verb: 'expose',
    steps: [
      { run: 'expose deploy web --port=80 --name=exposed', prints: /exposed/ },
      { run: 'get svc exposed -o jsonpath={.spec.selector.app}', prints: /^web$/ },
    ],
  },
  {
    verb: 'run',
    steps: [
      { run: `run ran --image=${image} --restart=Never --command -- node -e 1`, prints: /created/ },
      { run: 'wait --for=jsonpath={.status.phase}=Succeeded pod/ran --timeout=60s', prints: /condition met/ },
    ],
  },
  { verb: 'set', steps: set },
  { verb: 'rollout', steps: rollout },
  {
    verb: 'wait',
    steps: [
      { run: 'wait --for=condition=Ready pod/shell --timeout=30s', prints: /condition met/ },
      { run: 'wait --for=create cm/made --timeout=5s' },
      { run: 'wait --for=condition=Never pod/shell --timeout=1s', fails: 1, prints: /timed out/ },
      { run: 'delete pod ran --wait=false' },
      { run: 'wait --for=delete pod/ran --timeout=60s' },
    ],
  },
  {
    verb: 'taint',
    steps: [
      { run: 'taint node node-1 a=b:PreferNoSchedule', prints: /tainted/ },
      { run: 'taint node node-1 a-', prints: /untainted/ },
    ],
  },
  {
    verb: 'cordon',
    steps: [
      { run: 'cordon node-1', prints: /cordoned/ },
      { run: 'get node node-1', prints: /SchedulingDisabled/ },
    ],
  },
  { verb: 'uncordon', steps: [{ run: 'uncordon node-1', prints: /uncordoned/ }] },
  {
    verb: 'drain',
    steps: [
      { run: 'drain node-1 --force --pod-selector=app=nothing', prints: /drained/ },
      {
        run: 'drain node-1 --force --dry-run=server --ignore-daemonsets',
        prints: /evicting pod default\/shell \(server dry run\)/,
      },
      { run: 'uncordon node-1' },
    ],
  },
  {
    verb: 'top',
    steps: [
      { run: 'top nodes', prints: /^node-1 +\d+m/m, again: true },
      { run: 'top pod shell --containers', prints: /^shell +main +\d+m +\d+Mi/m, again: true },
    ],
  },
  {
    verb: 'debug',
    steps: [
      { run: `debug shell --image=${image} -c looker --profile=general -- true`, prints: /looker|^$/ },
      { run: 'get pod shell -o jsonpath={.spec.ephemeralContainers[*].name}', prints: /^looker$/ },
    ],
  },
  {
    verb: 'events',
    steps: [{ run: 'events --for=pod/shell', prints: /Normal +Scheduled/ }, { run: 'events -A --types=Warning' }],
  },
  {
    verb: 'auth',
    steps: [
      { run: 'auth whoami', prints: /^Username +\S+$/m },
      { run: 'auth can-i delete pods', prints: /^yes\n$/ },
      { run: 'auth can-i --list', prints: /^Resources/ },
      { run: 'auth reconcile -f $HOME/role.yaml', prints: /reconciled/ },
    ],
    without: 'a plugin that decides access by roles',
  },
  {
    verb: 'certificate',
    steps: [
      { run: 'create -f -', input: objects.request('good') },
      { run: 'create -f -', input: objects.request('bad') },
      { run: 'certificate approve good', prints: /approved/ },
      { run: 'certificate deny bad', prints: /denied/ },
      { run: 'get csr', prints: /^good .* Approved$/m },
    ],
  },
  {
    verb: 'delete',
    steps: [
      { run: 'delete cm made', prints: /"made" deleted/ },
      { run: 'delete cm -l set=stays', prints: /"stays" deleted/ },
      { run: 'delete secret --all', prints: /"plain" deleted/ },
      { run: 'delete deploy app --cascade=orphan', prints: /deleted/ },
      { run: 'get rs -l app=app -o name', prints: /replicaset/ },
      { run: 'delete deploy web --cascade=foreground --timeout=60s', prints: /deleted/ },
      { run: 'get rs,pods -l app=web -o name', prints: /^$/ },
      { run: 'delete job,cj,ing,pdb,role,rolebinding --all --cascade=background', prints: /deleted/ },
      { run: 'delete ns verbs --timeout=60s', prints: /deleted/ },
      { run: 'delete cm nosuch', fails: 1, prints: /NotFound/ },
      { run: 'delete cm nosuch --ignore-not-found' },
    ],
  },
];
