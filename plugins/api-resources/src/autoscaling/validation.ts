import type { Part } from '../validation/part.ts';

const sources: Readonly<Record<string, string>> = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
};
const windowLimitSeconds = 3600;
const periodLimitSeconds = 1800;

/** Amounts that a target of each source may be given as. */
const amounts: Readonly<Record<string, readonly string[]>> = {
  containerResource: ['averageUtilization', 'averageValue'],
  resource: ['averageUtilization', 'averageValue'],
  pods: ['averageValue'],
  object: ['value', 'averageValue'],
  external: ['value', 'averageValue'],
};

function checkTarget(target: Part, source: string): void {
  target.oneOf('type', ['AverageValue', 'Utilization', 'Value']);
  const utilization = target.number('averageUtilization');
  if (utilization !== undefined && utilization < 1) target.invalid('averageUtilization', 'must be greater than 0');
  target.quantity('value', 'positive');
  target.quantity('averageValue', 'positive');
  const choices = amounts[source] ?? [];
  if (!choices.some((name) => target.has(name)))
    target.missing(choices[0] ?? 'value', `must set either ${choices.join(' or ')}`);
}

function checkMetric(metric: Part): void {
  metric.oneOf('type', Object.keys(sources));
  const source = sources[metric.text('type')];
  if (source === undefined) return;
  for (const name of metric.members())
    if (name !== source && Object.values(sources).includes(name))
      metric.found.forbidden(metric.pathOf(name), 'may not be specified when metric type is not its own');
  const part = metric.at(source);
  if (!part.present) {
    metric.missing(source, 'must populate information for the given metric source');
    return;
  }
  if (source === 'resource' || source === 'containerResource') part.require('name');
  else part.at('metric').require('name');
  if (source === 'containerResource') part.require('container');
  if (source === 'object') part.at('describedObject').require('kind', 'name');
  checkTarget(part.at('target'), source);
}

function checkRules(rules: Part): void {
  rules.within('stabilizationWindowSeconds', 0, windowLimitSeconds);
  rules.oneOf('selectPolicy', ['Disabled', 'Max', 'Min'], 'optional');
  rules.quantity('tolerance');
  if (rules.present) rules.requireItems('policies', 'must specify at least one Policy');
  for (const policy of rules.list('policies')) {
    policy.oneOf('type', ['Percent', 'Pods']);
    if ((policy.number('value') ?? 0) <= 0) policy.invalid('value', 'must be greater than zero');
    if ((policy.number('periodSeconds') ?? 0) <= 0) policy.invalid('periodSeconds', 'must be greater than zero');
    if ((policy.number('periodSeconds') ?? 0) > periodLimitSeconds)
      policy.invalid('periodSeconds', `must be less than or equal to ${periodLimitSeconds}`);
  }
}

export function checkAutoscaler(autoscaler: Part): void {
  const spec = autoscaler.at('spec');
  const [least, most] = [spec.number('minReplicas'), spec.number('maxReplicas') ?? 0];
  if (least !== undefined && least < 1) spec.invalid('minReplicas', 'must be greater than or equal to 1');
  if (most < 1) spec.found.invalid(spec.pathOf('maxReplicas'), most, 'must be greater than 0');
  if (least !== undefined && most < least)
    spec.found.invalid(spec.pathOf('maxReplicas'), most, 'must be greater than or equal to `minReplicas`');
  spec.at('scaleTargetRef').require('kind', 'name');
  for (const metric of spec.list('metrics')) checkMetric(metric);
  checkRules(spec.at('behavior').at('scaleUp'));
  checkRules(spec.at('behavior').at('scaleDown'));
}
