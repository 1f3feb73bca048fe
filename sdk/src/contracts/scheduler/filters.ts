/** The filter rules that every scheduler needs. Names, order and reasons are those of the Kubernetes scheduler. */
import type { Node, NodeSelectorTerm, Pod, Taint, Toleration } from '../../kube/index.ts';
import { matchesSelector, type LabelRequirement } from '../../kube/index.ts';
import type { FilterRule } from './framework.ts';

function rejectWhere(
  count: number,
  candidates: { isIn(index: number): boolean; reject(index: number, reason: string): void },
  problem: (index: number) => string | undefined,
): void {
  for (let index = 0; index < count; index += 1) {
    if (!candidates.isIn(index)) continue;
    const reason = problem(index);
    if (reason !== undefined) candidates.reject(index, reason);
  }
}

/** `spec.nodeName` asked for in the template. */
export const nodeName: FilterRule = {
  name: 'NodeName',
  filter({ pod }, { table }, candidates) {
    const wanted = pod.spec.nodeName;
    if (!wanted) return;
    rejectWhere(table.count, candidates, (index) =>
      table.names[index] === wanted ? undefined : "node(s) didn't match the requested node name",
    );
  },
};

/** Whether a toleration accepts a taint. Source: core/v1 Toleration. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  if (toleration.operator === 'Exists') return true;
  // Without a key only `Exists` tolerates everything.
  return Boolean(toleration.key) && (toleration.value ?? '') === (taint.value ?? '');
}

const unschedulableTaint: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeUnschedulable: FilterRule = {
  name: 'NodeUnschedulable',
  filter({ pod }, { table }, candidates) {
    const tolerated = (pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, unschedulableTaint));
    if (tolerated) return;
    rejectWhere(table.count, candidates, (index) =>
      table.nodes[index]?.spec.unschedulable === true ? 'node(s) were unschedulable' : undefined,
    );
  },
};

export const taintToleration: FilterRule = {
  name: 'TaintToleration',
  filter({ pod }, { table }, candidates) {
    const tolerations = pod.spec.tolerations ?? [];
    rejectWhere(table.count, candidates, (index) => {
      const taint = table.nodes[index]?.spec.taints?.find(
        (candidate) =>
          (candidate.effect === 'NoSchedule' || candidate.effect === 'NoExecute') &&
          !tolerations.some((toleration) => tolerates(toleration, candidate)),
      );
      return taint === undefined ? undefined : `node(s) had untolerated taint(s)`;
    });
  },
};

type Expression = { key: string; operator: string; values?: string[] };

const operators = new Set(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']);

function expressionsMatch(expressions: readonly Expression[], labels: Readonly<Record<string, string>>): boolean {
  const requirements = expressions.map(({ key, operator, values }): LabelRequirement | undefined =>
    operators.has(operator)
      ? { key, operator: operator as LabelRequirement['operator'], values: values ?? [] }
      : undefined,
  );
  return requirements.every((requirement) => requirement !== undefined && matchesSelector([requirement], labels));
}

/** Whether a node fits a node selector term. An empty term fits nothing. */
export function nodeMatchesTerm(node: Node, term: NodeSelectorTerm): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length === 0 && fields.length === 0) return false;
  return (
    expressionsMatch(expressions, node.metadata.labels ?? {}) &&
    expressionsMatch(fields, { 'metadata.name': node.metadata.name ?? '' })
  );
}

export const nodeAffinity: FilterRule = {
  name: 'NodeAffinity',
  filter({ pod }, { table }, candidates) {
    const selector = Object.entries(pod.spec.nodeSelector ?? {});
    const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    if (selector.length === 0 && required === undefined) return;
    rejectWhere(table.count, candidates, (index) => {
      const node = table.nodes[index];
      if (node === undefined) return 'node(s) vanished';
      const labels = node.metadata.labels ?? {};
      const fits =
        selector.every(([key, value]) => labels[key] === value) &&
        (required === undefined || required.nodeSelectorTerms.some((term) => nodeMatchesTerm(node, term)));
      return fits ? undefined : "node(s) didn't match Pod's node affinity/selector";
    });
  },
};

interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

function hostPorts(pod: Pod): HostPort[] {
  return pod.spec.containers.flatMap((container) =>
    (container.ports ?? []).flatMap(({ hostPort, hostIP, protocol }) =>
      hostPort === undefined || hostPort === 0
        ? []
        : [{ ip: hostIP || '0.0.0.0', protocol: protocol ?? 'TCP', port: hostPort }],
    ),
  );
}

function clash(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0';
}

export const nodePorts: FilterRule = {
  name: 'NodePorts',
  filter({ pod }, nodes, candidates) {
    const wanted = hostPorts(pod);
    if (wanted.length === 0) return;
    rejectWhere(nodes.table.count, candidates, (index) => {
      const taken = nodes.podsOf(index).flatMap(hostPorts);
      const free = wanted.every((port) => !taken.some((other) => clash(port, other)));
      return free ? undefined : "node(s) didn't have free ports for the requested pod ports";
    });
  },
};

function extendedShortage(
  index: number,
  wanted: [string, number][],
  nodes: Parameters<FilterRule['filter']>[1],
): string | undefined {
  for (const [resource, amount] of wanted) {
    const allocatable = Number(nodes.table.nodes[index]?.status?.allocatable?.[resource] ?? 0);
    let used = 0;
    for (const other of nodes.podsOf(index)) {
      for (const container of other.spec.containers) {
        used += Number(container.resources?.requests?.[resource] ?? container.resources?.limits?.[resource] ?? 0);
      }
    }
    if (used + amount > allocatable) return `Insufficient ${resource}`;
  }
  return undefined;
}

export const nodeResourcesFit: FilterRule = {
  name: 'NodeResourcesFit',
  filter({ request }, nodes, candidates) {
    const { table } = nodes;
    const extended = Object.entries(request.extended).filter(([, amount]) => amount > 0);
    rejectWhere(table.count, candidates, (index) => {
      if ((nodes.podCount[index] ?? 0) + 1 > (table.allocatablePods[index] ?? 0)) return 'Too many pods';
      const cpu = (nodes.requestedMilliCpu[index] ?? 0) + request.milliCpu;
      if (request.milliCpu > 0 && cpu > (table.allocatableMilliCpu[index] ?? 0)) return 'Insufficient cpu';
      const memory = (nodes.requestedMemoryBytes[index] ?? 0) + request.memoryBytes;
      if (request.memoryBytes > 0 && memory > (table.allocatableMemoryBytes[index] ?? 0)) return 'Insufficient memory';
      return extended.length === 0 ? undefined : extendedShortage(index, extended, nodes);
    });
  },
};

interface HardConstraint {
  readonly whenUnsatisfiable?: string;
}

function unsupportedConstraint(pod: Pod): string | undefined {
  const required = 'requiredDuringSchedulingIgnoredDuringExecution';
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  if (podAffinity?.[required] !== undefined) return 'required pod affinity';
  if (podAntiAffinity?.[required] !== undefined) return 'required pod anti-affinity';
  const spread = (pod.spec['topologySpreadConstraints'] ?? []) as readonly HardConstraint[];
  if (spread.some((constraint) => (constraint.whenUnsatisfiable ?? 'DoNotSchedule') === 'DoNotSchedule')) {
    return 'topology spread constraints with DoNotSchedule';
  }
  return undefined;
}

/**
 * Hard constraints between pods have no rule yet. A pod that has one stays pending with a clear reason: placing it as if it
 * had none would break what its author relies on.
 */
export const unsupportedConstraints: FilterRule = {
  name: 'UnsupportedConstraints',
  filter({ pod }, { table }, candidates) {
    const constraint = unsupportedConstraint(pod);
    if (constraint === undefined) return;
    rejectWhere(table.count, candidates, () => `${constraint} not supported by this scheduler`);
  },
};

/** All of the above, in the order that rejects cheaply first. */
export const standardFilters: readonly FilterRule[] = [
  unsupportedConstraints,
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
];
