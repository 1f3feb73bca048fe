/** What would become of a connection, as people read it. */
import type { NodeTables, TableState, Traffic, TrafficEnd, TrafficPath, TrafficRule } from '@timonel/sdk/contracts/why';
import { formatTable } from './table.ts';

const verdicts: Readonly<Record<Traffic['outcome'], string>> = {
  passes: 'It passes',
  partly: 'It passes in part',
  dropped: 'It is DROPPED, without an answer',
  refused: 'It is REFUSED at once',
  unknown: 'Nobody can say',
};

function endText({ kind, namespace, name, addresses, node, hostNetwork }: TrafficEnd): string {
  if (kind === 'address') return addresses.join(', ');
  const label = `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name ?? ''}`;
  const where = kind === 'pod' && node !== undefined ? ` on ${node}` : '';
  const whose = hostNetwork === true ? ', with the network of its node' : '';
  return `${label} (${addresses.join(', ') || 'no address'}${where}${whose})`;
}

function ruleLine({ direction, pod, allowed, policies, by, node }: TrafficRule): string {
  const of = `${direction} of ${pod}${node === undefined ? '' : ` on ${node}`}`;
  if (policies.length === 0) return `${of}: no policy selects it, everything is allowed`;
  const selected = policies.join(', ');
  return allowed
    ? `${of}: allowed by ${by ?? ''} (selected by ${selected})`
    : `${of}: DROPPED, none of ${selected} allows it`;
}

function pathPart(path: TrafficPath): string {
  const { address, port, pod, state, used, route, rules, notes, outcome } = path;
  const place = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  const facts = [state, used ? undefined : 'not used', outcome === 'dropped' ? 'DROPPED' : outcome].filter(
    (fact) => fact !== undefined,
  );
  const head = `- ${place}${pod === undefined ? '' : `, pod ${pod}`}: ${facts.join(', ')}`;
  return [head, `route: ${route}`, ...rules.map(ruleLine), ...notes.map((note) => `note: ${note}`)].join('\n    ');
}

function stateText(state: TableState | undefined, now: number): string {
  if (state === undefined) return 'none';
  const { implementation, lastSyncAt, lastError, current } = state;
  if (lastError !== undefined) return `${implementation}: NOT UP TO DATE (${lastError})`;
  if (lastSyncAt === 0) return `${implementation}: nothing written yet`;
  if (current === false) return `${implementation}: NOT UP TO DATE, it has not seen all of this yet`;
  const seconds = Math.max(0, Math.round((now - lastSyncAt) / 1000));
  return `${implementation}: ${current === true ? 'up to date' : 'in force'}, last change ${seconds} s ago`;
}

function nodesPart(nodes: readonly NodeTables[], now: number): string[] {
  if (nodes.length === 0) return [];
  const rows = nodes.map(({ node, ready, proxy, policies, problem }) => [
    node,
    ready ? 'yes' : 'NO',
    problem === undefined ? stateText(proxy, now) : `not known: ${problem}`,
    problem === undefined ? stateText(policies, now) : '-',
  ]);
  return [`Nodes:\n${formatTable(['NODE', 'READY', 'SERVICES', 'POLICIES'], rows)}`];
}

/** `now`: ms since the epoch. */
export function trafficText(traffic: Traffic, now: number): string {
  const { from, to, protocol, port, service, outcome, summary, paths, nodes, cut } = traffic;
  const line = `${endText(from)} -> ${endText(to)}, ${protocol}${port === undefined ? '' : ` ${port}`}`;
  const translated =
    service?.port === undefined
      ? []
      : [`Service ${service.namespace}/${service.name} (${service.type}), port ${service.port}`];
  const more = cut === undefined ? [] : [`${cut} more endpoints are not shown.`];
  return [
    line,
    `${verdicts[outcome]}: ${summary}.`,
    ...translated,
    ...(paths.length === 0 ? [] : [paths.map(pathPart).join('\n')]),
    ...more,
    ...nodesPart(nodes, now),
  ].join('\n\n');
}
