/** The files of a configuration. Servers apart, the same routes give the same text. */
import { compile, type Candidate, type HostGroup, type Lookup } from '../routing/compile.ts';
import type { Condition, Listener, RoutingTable, Upstream } from '../routing/model.ts';
import { sectionsOf, statusSection, type Section } from './sections.ts';
import { encodedPath, hex, isLongPath, longestPath, word } from './words.ts';

/** How haproxy is to run, beside what it serves. */
export interface RenderOptions {
  /** Addresses at which it listens. Empty: all. */
  readonly addresses: readonly string[];
  readonly maxConnections: number;
  readonly threads: number | undefined;
  /** After a reload, in seconds: what still runs by the old configuration ends. */
  readonly drainSeconds: number;
  readonly serverTimeoutMs: number;
  readonly tunnelTimeoutMs: number;
  /** Whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  /** Clients begin with a header of the PROXY protocol. */
  readonly acceptProxy: boolean;
  /** An empty directory for its workers, and who they are: where it runs as root. */
  readonly confinement: { readonly root: string; readonly uid: number; readonly gid: number } | undefined;
}

export interface Rendered {
  readonly global: readonly string[];
  /** `{dir}` stands for the directory of the files. */
  readonly frontends: readonly string[];
  readonly sections: readonly Section[];
  /** Maps and certificates by their names. */
  readonly files: ReadonlyMap<string, string>;
}

const directory = '{dir}';
const trustedFile = 'trusted.ips';
/** Server names of one line of a list of certificates. Longest names of so many fit into what haproxy reads at once. */
const namesPerLine = 64;

/** What the frontends of one port look up, and the sections that they lead to. */
class FrontendText {
  readonly #port: number;
  readonly #lookup: Lookup;
  readonly #upstreams: ReadonlyMap<string, Upstream>;
  readonly #sections: Map<string, Section>;
  readonly #files: Map<string, string>;
  /** Rules that follow a lookup: conditions of nodes, then weights. */
  readonly #conditional: string[] = [];
  /** Names of conditions by their texts: each has a line of its own. */
  readonly #conditions = new Map<string, string>();
  readonly #weighted = new Map<string, readonly string[]>();
  #nodes = 0;

  constructor(
    port: number,
    lookup: Lookup,
    upstreams: ReadonlyMap<string, Upstream>,
    rendered: {
      readonly sections: Map<string, Section>;
      readonly files: Map<string, string>;
    },
  ) {
    this.#port = port;
    this.#lookup = lookup;
    this.#upstreams = upstreams;
    this.#sections = rendered.sections;
    this.#files = rendered.files;
  }

  lines(): string[] {
    this.#writeMaps();
    const { groups, depth } = this.#lookup;
    const next = groups.some((group) => group.next !== undefined);
    const fallback = groups.findIndex(({ pattern }) => pattern.kind === 'any');
    const hosts = ['exact', 'one-label', 'many-labels'].filter((kind) => this.#files.has(this.#name(kind)));
    const keys = { exact: 'var(txn.host)', 'one-label': 'var(txn.host),field(2,.,0)', 'many-labels': 'var(txn.host)' };
    return [
      ...[...this.#conditions].map(([condition, name]) => `acl ${name} ${condition}`),
      ...hosts.map((kind, index) => {
        const key = keys[kind as keyof typeof keys];
        const match = kind === 'many-labels' ? 'map_end' : 'map_str';
        return `http-request set-var(txn.group) ${key},${match}(${this.#file(kind)})${index === 0 ? '' : unless('txn.group')}`;
      }),
      ...(fallback < 0 ? [] : [`http-request set-var(txn.group) str(g${fallback})${unless('txn.group')}`]),
      ...Array.from({ length: depth }, (_, level) => this.#level(level, next)).flat(),
      ...[...this.#weighted.values()].flat(),
      'use_backend %[var(txn.to)] if { var(txn.to) -m found }',
    ];
  }

  /** One group is asked: what it does not know is asked of the next one. */
  #level(level: number, hasNext: boolean): string[] {
    const find = (kind: string, path: string, match: string): string[] =>
      this.#files.has(this.#name(kind))
        ? [
            `http-request set-var(txn.to) var(txn.group),concat(,${path}),${match}(${this.#file(kind)})${unless('txn.to')}`,
          ]
        : [];
    const again =
      level === 0 || !hasNext
        ? []
        : [`http-request set-var(txn.group) var(txn.group),map_str(${this.#file('next')})${unless('txn.to')}`];
    const unresolved =
      this.#conditional.length === 0
        ? []
        : [...this.#conditional, 'http-request unset-var(txn.to) if { var(txn.to) -m beg node- }'];
    return [
      ...again,
      ...find('exact-path', 'txn.path', 'map_str'),
      ...find('prefix-path', 'txn.slashed', 'map_beg'),
      ...unresolved,
    ];
  }

  #name(kind: string): string {
    return `${this.#port}-${kind}.map`;
  }

  #file(kind: string): string {
    return `${directory}/${this.#name(kind)}`;
  }

  #writeMaps(): void {
    const { groups } = this.#lookup;
    const maps: Record<string, string[]> = {};
    const add = (kind: string, key: string, value: string): void => void (maps[kind] ??= []).push(`${key} ${value}`);
    for (const [index, group] of groups.entries()) {
      const { kind, name } = group.pattern;
      if (kind !== 'any') add(kind, kind === 'many-labels' ? `.${name}` : name, `g${index}`);
      if (group.next !== undefined) add('next', `g${index}`, `g${group.next}`);
      this.#addPaths(group, index, add);
    }
    for (const [kind, lines] of Object.entries(maps)) this.#files.set(this.#name(kind), `${lines.join('\n')}\n`);
  }

  #addPaths({ nodes }: HostGroup, index: number, add: (kind: string, key: string, value: string) => void): void {
    for (const { kind, path, candidates } of nodes) {
      const key = `g${index}${encodedPath(kind === 'exact' ? path : `${path}/`)}`;
      // Of a longer line of a map haproxy takes the rest for a line of its own.
      if (isLongPath(path)) throw new Error(`a path has more than ${longestPath} bytes`);
      add(`${kind}-path`, key, this.#nodeName(candidates));
    }
  }

  /** The section of a node that has no conditions; otherwise a name that the rules of its conditions replace. */
  #nodeName(candidates: readonly Candidate[]): string {
    const [first] = candidates;
    if (first !== undefined && first.conditions.length === 0) return this.#targetName(first);
    const name = `node-${this.#nodes++}`;
    for (const candidate of candidates) {
      const conditions = candidate.conditions.map((condition) => this.#conditionName(condition)).join(' ');
      const rule = `http-request set-var(txn.to) str(${this.#targetName(candidate)}) if { var(txn.to) -m str ${name} }`;
      this.#conditional.push(conditions === '' ? rule : `${rule} ${conditions}`);
    }
    return name;
  }

  #conditionName(condition: Condition): string {
    const text = conditionText(condition);
    const name = this.#conditions.get(text) ?? `c${this.#conditions.size}`;
    this.#conditions.set(text, name);
    return name;
  }

  #targetName({ target }: Candidate): string {
    const parts = sectionsOf(target, this.#upstreams);
    for (const { section } of parts) this.#sections.set(section.name, section);
    if (parts.length === 1) return parts[0]?.section.name ?? '';
    const key = JSON.stringify(parts.map(({ section, weight }) => [section.name, weight]));
    const known = [...this.#weighted.keys()].indexOf(key);
    const name = `split-${known < 0 ? this.#weighted.size : known}`;
    if (known < 0) this.#weighted.set(key, weightRules(name, parts));
    return name;
  }
}

function weightRules(name: string, parts: ReturnType<typeof sectionsOf>): string[] {
  const total = parts.reduce((sum, { weight }) => sum + weight, 0);
  let reached = 0;
  const rules = parts.map(({ section, weight }) => {
    reached += weight;
    return `http-request set-var(txn.to) str(${section.name}) if { var(txn.to) -m str ${name} } { var(txn.dice) -m int lt ${reached} }`;
  });
  return [`http-request set-var(txn.dice) rand(${total}) if { var(txn.to) -m str ${name} }`, ...rules];
}

function unless(variable: string): string {
  return ` if !{ var(${variable}) -m found }`;
}

function conditionText({ on, name, value }: Condition): string {
  if (on === 'method') return `method ${word(value)}`;
  const sample = on === 'header' ? `req.fhdr(${name})` : `url_param(${name}),url_dec`;
  return `${sample},hex -m str ${word(hex(value))}`;
}

/** What clients may not say themselves. */
function forwardedLines({ tls, port }: Listener, { trustedProxies }: RenderOptions): string[] {
  const strangers = trustedProxies.length === 0 ? '' : ` if !{ src -f ${directory}/${trustedFile} }`;
  return [
    ...['X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'X-Forwarded-Port', 'X-Real-IP', 'Forwarded'].map(
      (name) => `http-request del-header ${name}${strangers}`,
    ),
    'http-request set-header X-Real-IP %[src]' + strangers,
    'http-request add-header X-Forwarded-For %[src]',
    `http-request set-header X-Forwarded-Proto ${tls ? 'https' : 'http'}${strangers}`,
    `http-request set-header X-Forwarded-Host %[req.hdr(host)]${strangers}`,
    `http-request set-header X-Forwarded-Port ${port}${strangers}`,
  ];
}

function bindLines({ port, tls }: Listener, options: RenderOptions, hasDefault: boolean): string[] {
  const places =
    options.addresses.length === 0 ? [`:::${port} v4v6`] : options.addresses.map((address) => `${address}:${port}`);
  const secure = ` ssl crt-list ${directory}/${port}.certs alpn h2,http/1.1${hasDefault ? '' : ' strict-sni'}`;
  const proxy = options.acceptProxy ? ' accept-proxy' : '';
  return places.map((place) => `bind ${place}${proxy}${tls ? secure : ''}`);
}

function certificateFiles(
  { port, certificates }: Listener,
  defaultCertificate: string | undefined,
  files: Map<string, string>,
): void {
  const list: string[] = [];
  const all = [...(defaultCertificate === undefined ? [] : [{ pem: defaultCertificate, hosts: [] }]), ...certificates];
  for (const [index, { pem, hosts }] of all.entries()) {
    const name = `${port}-${index}.pem`;
    files.set(name, pem);
    for (let from = 0; from === 0 || from < hosts.length; from += namesPerLine)
      list.push([`${directory}/${name}`, ...hosts.slice(from, from + namesPerLine)].join(' '));
  }
  files.set(`${port}.certs`, `${list.join('\n')}\n`);
}

function globalLines(options: RenderOptions): string[] {
  const { confinement, maxConnections, threads, drainSeconds, serverTimeoutMs, tunnelTimeoutMs } = options;
  return [
    'global',
    `  maxconn ${maxConnections}`,
    ...(threads === undefined ? [] : [`  nbthread ${threads}`]),
    `  hard-stop-after ${drainSeconds}s`,
    '  mworker-max-reloads 16',
    '  ssl-default-bind-options ssl-min-ver TLSv1.2',
    ...(confinement === undefined
      ? []
      : [`  chroot ${confinement.root}`, `  uid ${confinement.uid}`, `  gid ${confinement.gid}`]),
    'defaults',
    '  mode http',
    '  option redispatch 1',
    '  option http-no-delay',
    '  option idle-close-on-response',
    '  retry-on conn-failure empty-response',
    // Also the first request of a client goes over a connection that there is, once a pod has shown that it keeps them.
    '  http-reuse aggressive',
    '  timeout http-request 10s',
    '  timeout http-keep-alive 60s',
    '  timeout client 60s',
    '  timeout connect 2s',
    '  timeout queue 5s',
    `  timeout server ${serverTimeoutMs}ms`,
    `  timeout tunnel ${tunnelTimeoutMs}ms`,
  ];
}

function frontendLines(listener: Listener, table: RoutingTable, options: RenderOptions, lookup: string[]): string[] {
  const lines = [
    ...bindLines(listener, options, listener.tls && table.defaultCertificate !== undefined),
    'http-request deny deny_status 400 if { path,url_dec -m dir .. }',
    'http-request set-var(txn.host) req.hdr(host),host_only,lower',
    'http-request set-var(txn.path) path',
    'http-request set-var(txn.slashed) path,concat(/)',
    ...forwardedLines(listener, options),
    ...lookup,
    'default_backend status-404',
  ];
  return [`frontend port-${listener.port}`, ...lines.map((line) => `  ${line}`)];
}

/** The configuration of the table. */
export function render(table: RoutingTable, options: RenderOptions): Rendered {
  const sections = new Map<string, Section>();
  const files = new Map<string, string>();
  const { trustedProxies } = options;
  if (trustedProxies.length > 0) files.set(trustedFile, `${trustedProxies.join('\n')}\n`);
  const missing = statusSection(404);
  sections.set(missing.name, missing);
  const frontends = table.listeners.flatMap((listener) => {
    const routes = table.routes.filter(({ ports }) => ports.includes(listener.port));
    const text = new FrontendText(listener.port, compile(routes), table.upstreams, { sections, files });
    if (listener.tls) certificateFiles(listener, table.defaultCertificate, files);
    return frontendLines(listener, table, options, text.lines());
  });
  return { global: globalLines(options), frontends, sections: [...sections.values()], files };
}
