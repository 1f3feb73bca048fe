// What of the Kubernetes API is served: the list of what Kubernetes serves, beside the discovery of a live server.
import { everyVerb, kubernetesApi, kubernetesVersion, offByDefault, otherPaths } from './kubernetes-api.mjs';
import { withLiveServer } from './live-server.mjs';
import { code, codes, page, table } from './markdown.mjs';

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const listOf = (text) => (text === undefined || text === '-' ? [] : text.split(','));

/** Lines of kubernetes-api.mjs, by the path of the resource. */
function expectedResources(lines) {
  const resources = new Map();
  for (const line of lines.trim().split('\n')) {
    const [path, kind, ...rest] = line.trim().split(' ');
    if (path.includes('/')) resources.set(path, { kind, verbs: listOf(rest[0]) });
    else {
      const [scope, shortNames, categories, verbs] = rest;
      resources.set(path, {
        kind,
        scope: scope === 'ns' ? 'Namespaced' : 'Cluster',
        shortNames: listOf(shortNames),
        categories: listOf(categories),
        verbs: verbs === undefined ? everyVerb : listOf(verbs),
      });
    }
  }
  return resources;
}

function servedResources(version) {
  const resources = new Map();
  for (const entry of version.resources) {
    const { responseKind, scope, shortNames = [], categories = [], verbs, subresources = [] } = entry;
    resources.set(entry.resource, { kind: responseKind.kind, scope, shortNames, categories, verbs });
    for (const { subresource, responseKind: kind, verbs: its } of subresources)
      resources.set(`${entry.resource}/${subresource}`, { kind: kind.kind, verbs: its });
  }
  return resources;
}

/** Served resources by group and version. */
async function discover(ask) {
  const found = new Map();
  for (const path of ['/api', '/apis']) {
    const { items } = JSON.parse((await ask(path, aggregated)).text);
    for (const { metadata, versions } of items)
      for (const version of versions)
        found.set(
          `${metadata.name === undefined ? '' : `${metadata.name}/`}${version.version}`,
          servedResources(version),
        );
  }
  return found;
}

const sorted = (texts) => [...texts].sort((a, b) => (a < b ? -1 : 1));
const same = (a, b) => sorted(a).join() === sorted(b).join();

/** What is said otherwise than in Kubernetes, in words. */
function differences(expected, served) {
  const found = [];
  if (served.kind !== expected.kind) found.push(`kind ${code(served.kind)}`);
  if (expected.scope === undefined) return found;
  if (served.scope !== expected.scope) found.push(`scope ${served.scope}`);
  if (!same(served.shortNames, expected.shortNames)) found.push(`short names ${codes(served.shortNames)}`);
  if (!same(served.categories, expected.categories)) found.push(`categories ${codes(served.categories)}`);
  return found;
}

function row(path, expected, served) {
  if (served === undefined) return [code(path), expected.kind, 'no', codes(expected.verbs), '–'];
  const missing = expected.verbs.filter((verb) => !served.verbs.includes(verb));
  const more = served.verbs.filter((verb) => !expected.verbs.includes(verb));
  const notes = [...differences(expected, served), ...(more.length === 0 ? [] : [`also ${codes(more)}`])];
  const whole = missing.length === 0 ? 'yes' : 'in part';
  return [code(path), expected.kind, whole, missing.length === 0 ? '–' : codes(missing), notes.join('; ') || '–'];
}

function section(groupVersion, served, counts) {
  const rows = [];
  for (const [path, expected] of expectedResources(kubernetesApi[groupVersion])) {
    const one = served?.get(path);
    const count = path.includes('/') ? counts.subresources : counts.resources;
    count.all += 1;
    counts.verbs.all += expected.verbs.length;
    counts.verbs.served += expected.verbs.filter((verb) => one?.verbs.includes(verb)).length;
    if (one !== undefined) count.served += 1;
    rows.push(row(path, expected, one));
  }
  return [`## ${groupVersion}`, table(['resource', 'kind', 'served', 'verbs not served', 'otherwise'], rows)];
}

function beyond(found) {
  const rows = [];
  for (const [groupVersion, resources] of found) {
    const known =
      kubernetesApi[groupVersion] === undefined ? undefined : expectedResources(kubernetesApi[groupVersion]);
    for (const [path, { kind, verbs }] of resources)
      if (known?.has(path) !== true) rows.push([code(groupVersion), code(path), kind, codes(sorted(verbs))]);
  }
  return rows.length === 0 ? 'Nothing.' : table(['group and version', 'resource', 'kind', 'verbs'], rows);
}

async function pathRows(ask) {
  const rows = [];
  for (const path of otherPaths) {
    const { status } = await ask(path, '*/*');
    rows.push([code(path), status === 404 ? 'no' : 'yes']);
  }
  return rows;
}

const share = ({ served, all }) => `${served} of ${all}`;

export async function apiCompatibilityPage() {
  const { found, paths } = await withLiveServer(async (ask) => ({
    found: await discover(ask),
    paths: await pathRows(ask),
  }));
  const counts = {
    resources: { served: 0, all: 0 },
    subresources: { served: 0, all: 0 },
    verbs: { served: 0, all: 0 },
  };
  const sections = Object.keys(kubernetesApi).flatMap((groupVersion) =>
    section(groupVersion, found.get(groupVersion), counts),
  );
  const off = offByDefault.map((name) => [code(name), found.has(name) ? 'yes' : 'no']);
  return page(
    'Compatibility of the API',
    `What Kubernetes ${kubernetesVersion} serves by default, and what of it a control plane of Timonel serves. The list of Kubernetes is in \`scripts/docs/kubernetes-api.mjs\`; the other side is the discovery of a live server. Served says that the API is there; whether something acts on the objects depends on the plugins that run: nothing does on those of \`resource.k8s.io\`, for example.`,
    `Resources: ${share(counts.resources)}. Subresources: ${share(counts.subresources)}. Verbs of both: ${share(counts.verbs)}.`,
    ...sections,
    '## Versions that are off by default in Kubernetes',
    table(['group and version', 'served'], off),
    '## Paths that are no resources',
    table(['path', 'served'], paths),
    '## Beyond Kubernetes',
    beyond(found),
  );
}
