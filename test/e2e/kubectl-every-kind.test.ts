/** Real kubectl and every kind that is served: made, shown, described, explained, applied, compared, changed, removed. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startKubectlServer, type KubectlServer } from '../support/kubectl-server.ts';
import { samples, type Sample } from '../integration/apiserver-kinds-samples.ts';

let cluster: KubectlServer;
beforeAll(async () => {
  cluster = await startKubectlServer();
}, 300_000);
afterAll(() => cluster.server.stop());

/** What a command prints; it must succeed, and must not warn. */
async function prints(args: readonly string[], input?: string): Promise<string> {
  const { status, stdout, stderr } = await cluster.run(args, input);
  expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: '' });
  return stdout;
}

const nameOf = ({ names, kind }: Sample): string => names?.[0] ?? `${kind.toLowerCase()}-of-kubectl`;

const versionOf = ({ path }: Sample): string => path.slice(0, path.lastIndexOf('/'));

/** `deployments.v1.apps`, `pods`. */
function typeOf({ path }: Sample): string {
  const parts = path.split('/');
  const resource = parts.at(-1) ?? '';
  return parts.length === 2 ? resource : `${resource}.${parts[1]}.${parts[0]}`;
}

function manifest(sample: Sample): string {
  const name = nameOf(sample);
  const apiVersion = versionOf(sample);
  const content = sample.objectOf?.(name) ?? sample.object;
  return JSON.stringify({ apiVersion, kind: sample.kind, metadata: { name }, ...content });
}

/** kubectl reads the request in it, and that of the sample is none. */
const undescribed = ['certificates.k8s.io/v1/certificatesigningrequests'];
/** Kubernetes warns about these kinds too. */
const deprecated = ['v1/endpoints'];
const tested = samples.filter(({ path }) => !deprecated.includes(path));

describe.each(tested.map((sample) => [sample.path, sample] as const))('%s', (_path, sample) => {
  const name = nameOf(sample);
  const type = typeOf(sample);

  it('is handled by every verb', async () => {
    const input = manifest(sample);
    expect(await prints(['create', '-f', '-', '--validate=strict'], input)).toMatch(/ created\n$/);
    const wide = await prints(['get', type, name, '-o', 'wide']);
    const [always, more] = sample.columns;
    const titles = [...always.split(', '), ...(more === '' ? [] : more.split(', '))];
    const shown = wide.split('\n', 1)[0]?.replaceAll(/ {2,}/g, '|').split('|') ?? [];
    expect(shown.map((title) => title.toLowerCase()).toSorted()).toEqual(
      titles.map((title) => title.toLowerCase()).toSorted(),
    );
    if (!undescribed.includes(sample.path)) expect(await prints(['describe', type, name])).toContain(name);
    const explain = ['explain', typeOf(sample).split('.', 1)[0] ?? '', `--api-version=${versionOf(sample)}`];
    expect(await prints(explain)).toContain(`KIND:       ${sample.kind}\n`);
    expect(await prints(['apply', '--server-side', '--force-conflicts', '-f', '-'], input)).toMatch(
      /serverside-applied\n$/,
    );
    expect(await prints(['diff', '--server-side', '--force-conflicts', '-f', '-'], input)).toBe('');
    expect(await prints(['label', type, name, 'shown=yes'])).toMatch(/ labeled\n$/);
    expect(await prints(['get', type, '-l', 'shown=yes', '-o', 'name'])).toContain(name);
    expect(await prints(['delete', type, name, '--wait=false'])).toMatch(/deleted/);
  }, 60_000);
});

it('kubectl api-resources lists every kind, with its short names', async () => {
  const listed = await prints(['api-resources', '--no-headers']);
  for (const { kind } of samples) expect(listed).toMatch(new RegExp(` ${kind}\\n`));
  expect(listed).toMatch(
    /^customresourcedefinitions +crd,crds +apiextensions\.k8s\.io\/v1 +false +CustomResourceDefinition$/m,
  );
});

it('kubectl create token makes a token that lets its account in', async () => {
  await prints(['create', 'serviceaccount', 'robot']);
  const token = (await prints(['create', 'token', 'robot', '--duration=10m'])).trim();
  expect(await prints(['auth', 'whoami', '--token', token, '-o', 'jsonpath={.status.userInfo.username}'])).toBe(
    'system:serviceaccount:default:robot',
  );
});

it('kubectl debug adds an ephemeral container', async () => {
  await prints(['run', 'web', '--image=nginx:1.27']);
  const added = [
    'debug',
    'web',
    '--image=busybox:1.37',
    '--target=web',
    '--container=look',
    '--attach=false',
    '--profile=general',
  ];
  const { status } = await cluster.run(added);
  expect(status).toBe(0);
  const path = 'jsonpath={.spec.ephemeralContainers[*].name}';
  expect(await prints(['get', 'pod', 'web', '-o', path])).toBe('look');
});

it('kubectl get componentstatuses shows the checks of the server', async () => {
  expect(await prints(['get', 'cs'])).toMatch(/^store +Healthy +ok/m);
});
