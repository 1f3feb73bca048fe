/** What is wrong, in sentences: the cause that explains most failures of a pair of nodes, and not each of them. */
import type { Outcome } from './probes.ts';
import type { Check, CheckedNode, CheckKind } from './report.ts';

export interface Findings {
  readonly nodes: readonly CheckedNode[];
  readonly checks: readonly Check[];
  /** Names of the network policies that count for the pods of the check. */
  readonly policies: readonly string[];
}

type Outcomes = Readonly<Record<CheckKind, Outcome>>;

const isBad = (outcome: Outcome): boolean => outcome !== 'ok' && outcome !== 'not tried';

const how: Readonly<Record<Outcome, string>> = {
  ok: 'it works',
  'no answer': 'what is sent gets no answer',
  refused: 'connections are refused',
  'no route': 'there is no route',
  'small packets only': 'small packets pass and large ones do not',
  'unknown name': 'the name is unknown',
  failed: 'connections break',
  'not tried': 'it was not tried',
};

const mtuText = (from: string, to: string): string =>
  `between pods of ${from} and pods of ${to} small packets pass and large ones do not: the MTU of the pods is larger than the path between the nodes takes, and nothing says so to the sender`;

function podsText(from: CheckedNode, to: CheckedNode, outcome: Outcome, policies: readonly string[]): string {
  const range = to.podCIDR === undefined ? 'its pods' : `its pods (${to.podCIDR})`;
  const which = policies.length === 0 ? '' : `, or the network policies ${policies.join(', ')},`;
  if (outcome === 'no route') return `${from.name} has no route to ${to.name} for ${range}`;
  const wall = outcome === 'refused' ? `a firewall${which} refuses` : `a route, or a firewall${which} drops`;
  return outcome === 'refused'
    ? `${from.name} reaches the node ${to.name}, and not ${range}: ${wall} what is for them`
    : `${from.name} reaches the node ${to.name}, and not ${range}: there is no such ${wall} what is for them, on ${from.name}, on ${to.name} or on the way back`;
}

/** Undefined: nothing is wrong between the two. */
function pairProblem(
  from: CheckedNode,
  to: CheckedNode,
  seen: Outcomes,
  policies: readonly string[],
): string | undefined {
  const isOwn = from.name === to.name;
  const link = seen['node to node'];
  if (!isOwn && isBad(link)) {
    const address = to.address === undefined ? '' : ` at ${to.address}`;
    return `${from.name} does not reach the node ${to.name}${address} (${how[link]}): the link between them is cut, or a firewall is in the way; pods and services there are out of reach, too`;
  }
  const byNode = seen['node to pod'];
  const byPod = seen['pod to pod'];
  if (byNode === 'small packets only' || byPod === 'small packets only') return mtuText(from.name, to.name);
  if (isBad(byNode)) {
    return isOwn
      ? `${from.name} does not reach pods of its own (${how[byNode]}): look at its bridge and its firewall`
      : podsText(from, to, byNode, policies);
  }
  if (isBad(byPod)) {
    const which =
      policies.length === 0 ? 'or a network policy' : `or one of the network policies ${policies.join(', ')}`;
    return `pods of ${from.name} do not reach pods of ${to.name}, though the node ${from.name} does (${how[byPod]}): forwarding is off, a firewall ${which} is in the way`;
  }
  return undefined;
}

interface Group {
  readonly text: (who: string) => string;
  readonly who: string[];
}

/** Sentences about one node after the other, joined where they say the same of several. */
function grouped(groups: ReadonlyMap<string, Group>): string[] {
  return [...groups.values()].map(({ text, who }) => text(who.join(', ')));
}

function serviceProblems({ checks }: Findings, isExplained: (from: string, to: string) => boolean): string[] {
  const groups = new Map<string, Group>();
  for (const { kind, from, to, outcome } of checks) {
    if (kind !== 'pod to service' || !isBad(outcome) || isExplained(from, to)) continue;
    const text = (who: string): string =>
      `pods of ${from} reach the pods of ${who}, and not by a service (${how[outcome]}): the service proxy of ${from} is not up to date, see \`timonel why service\` and its log`;
    const key = `${from} ${outcome}`;
    const group = groups.get(key) ?? { text, who: [] };
    group.who.push(to);
    groups.set(key, group);
  }
  return grouped(groups);
}

function nameProblems({ checks }: Findings): string[] {
  const groups = new Map<string, Group>();
  for (const { kind, from, to, outcome } of checks) {
    if (kind !== 'DNS' || !isBad(outcome)) continue;
    const text = (who: string): string =>
      outcome === 'unknown name'
        ? `DNS in pods of ${from} does not know ${who}: /etc/resolv.conf there names a server that is not the cluster's, or the node has not seen the services`
        : `DNS in pods of ${from} does not answer for ${who}: the node's DNS server does not run, or something drops what is for port 53`;
    const key = `${from} ${outcome}`;
    const group = groups.get(key) ?? { text, who: [] };
    group.who.push(to);
    groups.set(key, group);
  }
  return grouped(groups);
}

export function problemsOf(findings: Findings): readonly string[] {
  const { nodes, checks, policies } = findings;
  const byPair = new Map<string, Record<CheckKind, Outcome>>();
  for (const { kind, from, to, outcome } of checks) {
    if (kind === 'DNS') continue;
    const key = JSON.stringify([from, to]);
    const none: Record<CheckKind, Outcome> = {
      'pod to pod': 'not tried',
      'pod to service': 'not tried',
      'node to pod': 'not tried',
      'node to node': 'not tried',
      DNS: 'not tried',
    };
    byPair.set(key, { ...(byPair.get(key) ?? none), [kind]: outcome });
  }
  const pairs = nodes.flatMap((from) => nodes.map((to) => [from, to] as const));
  const explained = new Set<string>();
  const ofPairs = pairs.flatMap(([from, to]) => {
    const key = JSON.stringify([from.name, to.name]);
    const seen = byPair.get(key);
    const text = seen === undefined ? undefined : pairProblem(from, to, seen, policies);
    if (text !== undefined) explained.add(key);
    return text ?? [];
  });
  return [
    ...nodes.flatMap(({ name, problem }) => (problem === undefined ? [] : [`${name}: ${problem}`])),
    ...ofPairs,
    ...serviceProblems(findings, (from, to) => explained.has(JSON.stringify([from, to]))),
    ...nameProblems(findings),
  ];
}
