/** Real kubectl and the kinds beyond pods and deployments: what its generators make, and how the server shows it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RunResult } from '../support/cluster.ts';
import { startKubectlServer, type KubectlServer } from '../support/kubectl-server.ts';

let cluster: KubectlServer;
beforeAll(async () => {
  cluster = await startKubectlServer();
}, 300_000);
afterAll(() => cluster.server.stop());

async function kubectl(command: string, input?: string): Promise<RunResult> {
  // Quotes hold words together, as in a shell.
  const args = (command.match(/(?:[^\s']|'[^']*')+/g) ?? []).map((word) => word.replaceAll("'", ''));
  return cluster.run(args, input);
}

/** What a command prints; it must succeed. */
async function prints(command: string, input?: string): Promise<string> {
  const { status, stdout, stderr } = await kubectl(command, input);
  expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' });
  return stdout;
}

async function json(command: string): Promise<Record<string, unknown>> {
  return JSON.parse(await prints(`${command} -o json`)) as Record<string, unknown>;
}

describe('kubectl create', () => {
  it.each([
    ['job pi --image=perl:5 -- perl -v', 'job.batch/pi created'],
    ["cronjob tick --image=busybox:1 --schedule='*/5 * * * *'", 'cronjob.batch/tick created'],
    ['job manual --from=cronjob/tick', 'job.batch/manual created'],
    ['poddisruptionbudget keep --selector=app=web --min-available=50%', 'poddisruptionbudget.policy/keep created'],
    ["ingress front --class=nginx --rule='web.example.com/*=web:80'", 'ingress.networking.k8s.io/front created'],
    ['role reader --verb=get,list --resource=pods', 'role.rbac.authorization.k8s.io/reader created'],
    [
      'clusterrole health --verb=get --non-resource-url=/healthz',
      'clusterrole.rbac.authorization.k8s.io/health created',
    ],
    [
      'rolebinding readers --role=reader --user=ada --serviceaccount=default:bot',
      'rolebinding.rbac.authorization.k8s.io/readers created',
    ],
    [
      'clusterrolebinding health --clusterrole=health --group=ops',
      'clusterrolebinding.rbac.authorization.k8s.io/health created',
    ],
    ['quota small --hard=cpu=1,pods=2', 'resourcequota/small created'],
    ['priorityclass urgent --value=1000', 'priorityclass.scheduling.k8s.io/urgent created'],
    ['deployment web --image=nginx:1.27', 'deployment.apps/web created'],
  ])('%s', async (command, printed) => {
    expect(await prints(`create ${command}`)).toBe(`${printed}\n`);
  });

  it('autoscale, in the version that has no field for memory', async () => {
    expect(await prints('autoscale deployment web --min=1 --max=5 --cpu=60%')).toBe(
      'horizontalpodautoscaler.autoscaling/web autoscaled\n',
    );
    const v1 = await json('get horizontalpodautoscalers.v1.autoscaling web');
    expect(v1).toMatchObject({ apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 60 } });
    expect(await json('get hpa web')).toMatchObject({ apiVersion: 'autoscaling/v2', spec: { maxReplicas: 5 } });
  });
});

describe('kubectl apply', () => {
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'listed' }, data: { a: '1' } };
  const list = (item: object): string =>
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [item, { ...configMap, metadata: { name: 'other' } }] });

  it('takes a List, which it checks by /openapi/v2', async () => {
    expect(await prints('apply -f -', list(configMap))).toBe('configmap/listed created\nconfigmap/other created\n');
    const { status, stderr } = await kubectl('apply -f -', list({ ...configMap, datas: {} }));
    expect(status).toBe(1);
    expect(stderr).toContain('unknown field "datas" in io.k8s.api.core.v1.ConfigMap');
  });

  it('takes workloads, storage and policies', async () => {
    const labels = { app: 'db' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'db', image: 'db:1' }] } };
    const requests = { storage: '1Gi' };
    const claim = { accessModes: ['ReadWriteOnce'], resources: { requests } };
    const documents = [
      {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'db' },
        spec: {
          serviceName: 'db',
          selector: { matchLabels: labels },
          template,
          volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: claim }],
        },
      },
      {
        apiVersion: 'apps/v1',
        kind: 'DaemonSet',
        metadata: { name: 'log' },
        spec: { selector: { matchLabels: labels }, template },
      },
      { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' }, spec: claim },
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'deny' },
        spec: { podSelector: {} },
      },
    ];
    const input = documents.map((document) => JSON.stringify(document)).join('\n---\n');
    expect(await prints('apply -f -', input)).toBe(
      'statefulset.apps/db created\ndaemonset.apps/log created\npersistentvolumeclaim/data created\nnetworkpolicy.networking.k8s.io/deny created\n',
    );
    const version = 'get sts db -o jsonpath={.metadata.resourceVersion}';
    const before = await prints(version);
    // kubectl sees a difference in claim templates, for the server has filled them in; the server sees none.
    expect(await prints('apply -f -', input)).toContain('daemonset.apps/log unchanged\n');
    expect(await prints(version)).toBe(before);
    expect(await prints('scale statefulset db --replicas=3')).toBe('statefulset.apps/db scaled\n');
    expect(await prints('set image ds/log db=db:2')).toBe('daemonset.apps/log image updated\n');
  });
});

describe('kubectl shows', () => {
  it('all that is in the category all', async () => {
    const all = await prints('get all');
    expect(all).toMatch(/^deployment\.apps\/web +0\/1 +0 +0 +\d+s$/m);
    expect(all).toMatch(/^statefulset\.apps\/db +0\/3 +\d+s$/m);
    expect(all).toMatch(/^daemonset\.apps\/log +0 +0 +0 +0 +0 +<none> +\d+s$/m);
    expect(all).toMatch(/^job\.batch\/pi +Running +0\/1 +\d+s$/m);
    expect(all).toMatch(/^cronjob\.batch\/tick +\*\/5 \* \* \* \* +<none> +False +0 +<none> +\d+s$/m);
    expect(all).toMatch(
      /^horizontalpodautoscaler\.autoscaling\/web +Deployment\/web +cpu: <unknown>\/60% +1 +5 +0 +\d+s$/m,
    );
  });

  it('other kinds in their columns', async () => {
    expect(await prints('get pdb')).toMatch(/^keep +50% +N\/A +0 +\d+s$/m);
    expect(await prints('get ing')).toMatch(/^front +nginx +web\.example\.com +80 +\d+s$/m);
    expect(await prints('get rolebinding -o wide')).toMatch(/^readers +Role\/reader +\d+s +ada +default\/bot$/m);
    expect(await prints('get pc')).toMatch(/^urgent +1000 +false +\d+s +PreemptLowerPriority$/m);
    expect(await prints('get role')).toMatch(/^reader +20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/m);
    expect(await prints('get pvc')).toMatch(/^data +Pending +<unset> +\d+s$/m);
    expect(await prints('get netpol')).toMatch(/^deny +<none> +\d+s$/m);
  });

  it.each(['job/pi', 'cj/tick', 'hpa/web', 'pdb/keep', 'ing/front', 'role/reader', 'quota/small', 'sts/db', 'ds/log'])(
    'describe %s',
    async (name) => {
      const [, plain = ''] = name.split('/');
      const { status, stdout, stderr } = await kubectl(`describe ${name}`);
      expect({ status, stderr: stderr.replaceAll(/^Warning:.*\n/gm, '') }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(new RegExp(`^Name: +${plain}$`, 'm'));
    },
  );

  it('explains fields, those of two versions too', async () => {
    expect(await prints('explain job.spec.backoffLimit')).toMatch(/^FIELD: backoffLimit <integer>$/m);
    expect(await prints('explain hpa.spec --api-version=autoscaling/v1')).toContain('targetCPUUtilizationPercentage');
    expect(await prints('explain hpa.spec --api-version=autoscaling/v2')).toContain('metrics\t<[]MetricSpec>');
    expect(await prints('explain networkpolicy --recursive')).toContain('ipBlock');
  });

  it('who one is and what one may do', async () => {
    expect(await prints('auth whoami')).toMatch(/^Username +admin$/m);
    expect(await prints('auth can-i delete pods')).toBe('yes\n');
    expect(await prints('auth can-i --list')).toMatch(/^\*\.\* +\[\] +\[\] +\[\*\]$/m);
  });
});

describe('kubectl certificate', () => {
  const pem = '-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n';
  const request = (name: string): string =>
    JSON.stringify({
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name },
      spec: {
        request: Buffer.from(pem).toString('base64'),
        signerName: 'example.com/signer',
        usages: ['client auth'],
        expirationSeconds: 86_400,
      },
    });

  it('approves and denies', async () => {
    await prints('create -f -', request('good'));
    await prints('create -f -', request('bad'));
    expect(await prints('certificate approve good')).toContain('good approved');
    expect(await prints('certificate deny bad')).toContain('bad denied');
    const table = await prints('get csr');
    expect(table).toMatch(/^good +\d+s +example\.com\/signer +admin +24h +Approved$/m);
    expect(table).toMatch(/^bad +\d+s +example\.com\/signer +admin +24h +Denied$/m);
  });
});

describe('kubectl complains', () => {
  it('in the words of the server', async () => {
    const { stderr } = await kubectl("create cronjob wrong --image=busybox --schedule='* * *'");
    expect(stderr).toContain(
      'CronJob.batch "wrong" is invalid: spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]',
    );
    const again = await kubectl('create priorityclass urgent --value=1');
    expect(again.stderr).toContain('priorityclasses.scheduling.k8s.io "urgent" already exists');
    const changed = await kubectl(`patch pc urgent --type=merge -p '{"value":2}'`);
    expect(changed.stderr).toContain('value: Forbidden: may not be changed in an update.');
  });
});

it('deletes what it made', async () => {
  expect(await prints('delete job,cj,pdb,ing,role,rolebinding,quota,hpa,sts,ds,pvc,netpol,deploy --all')).toContain(
    'statefulset.apps "db" deleted',
  );
  expect(await prints('get job,cj,pdb,ing,role,rolebinding,quota,hpa,sts,ds,pvc,netpol,deploy -o name')).toBe('');
});
