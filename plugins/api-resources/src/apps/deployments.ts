import type { ResourceDefinition, Strategy, TableContext } from '@timonel/sdk/contracts/api-server';
import { deployments, type Deployment, type FieldError } from '@timonel/sdk/kube';
import { defineKind } from '../definition.ts';
import { defaultPodTemplate } from '../pod/pod-defaults.ts';
import { checkPodTemplate } from '../pod/pod-validation.ts';
import { ageColumn, column, nameColumn, wideColumn } from '../table/columns.ts';
import { age } from '../table/time.ts';
import { Findings } from '../validation/findings.ts';
import { onUpdate } from '../validation/on-update.ts';
import { isObject, numberOf, objectOf, textOf } from '../validation/loose.ts';
import { workloadScale } from './scale.ts';
import { checkOwnSelector, selectorUpdateFindings } from './selector-validation.ts';
import { checkStrategy } from './rollout-validation.ts';
import { selectorCell, templateCells } from './template-cells.ts';

function defaultStrategy(strategy: NonNullable<Deployment['spec']['strategy']>): void {
  if (!isObject(strategy)) return;
  strategy.type ||= 'RollingUpdate';
  if (strategy.type !== 'RollingUpdate') return;
  strategy.rollingUpdate ??= {};
  if (!isObject(strategy.rollingUpdate)) return;
  strategy.rollingUpdate.maxUnavailable ??= '25%';
  strategy.rollingUpdate.maxSurge ??= '25%';
}

function defaultDeployment(deployment: Deployment): void {
  if (!isObject(deployment.spec)) return;
  const spec = deployment.spec;
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
  spec.strategy ??= {};
  defaultStrategy(spec.strategy);
  defaultPodTemplate(spec.template);
}

function validate(deployment: Deployment): FieldError[] {
  const found = new Findings();
  const spec = objectOf(deployment.spec);
  found.nonNegative('spec.replicas', spec.replicas);
  checkOwnSelector(spec, 'spec', found);
  checkPodTemplate(spec.template, 'spec.template', 'Deployment', found);
  checkStrategy(spec.strategy, 'spec.strategy', found);
  found.nonNegative('spec.minReadySeconds', spec.minReadySeconds);
  found.nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit);
  const deadline = spec.progressDeadlineSeconds;
  found.nonNegative('spec.progressDeadlineSeconds', deadline);
  if (typeof deadline === 'number' && deadline >= 0 && deadline <= (numberOf(spec.minReadySeconds) ?? 0))
    found.invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds');
  return found.all();
}

function validateStatusUpdate(deployment: Deployment): FieldError[] {
  const found = new Findings();
  const status = objectOf(deployment.status);
  const counts = [
    'observedGeneration',
    'replicas',
    'updatedReplicas',
    'readyReplicas',
    'availableReplicas',
    'unavailableReplicas',
  ] as const;
  for (const count of counts) found.nonNegative(`status.${count}`, status[count]);
  const total = numberOf(status.replicas) ?? 0;
  for (const count of ['updatedReplicas', 'readyReplicas', 'availableReplicas'] as const) {
    const value = numberOf(status[count]) ?? 0;
    if (value > total) found.invalid(`status.${count}`, value, 'cannot be greater than status.replicas');
  }
  if ((numberOf(status.availableReplicas) ?? 0) > (numberOf(status.readyReplicas) ?? 0))
    found.invalid('status.availableReplicas', status.availableReplicas, 'cannot be greater than readyReplicas');
  return found.all();
}

function cells(deployment: Deployment, context: TableContext): (string | number)[] {
  const spec = objectOf(deployment.spec);
  const status = objectOf(deployment.status);
  return [
    textOf(deployment.metadata.name),
    `${numberOf(status.readyReplicas) ?? 0}/${numberOf(spec.replicas) ?? 0}`,
    numberOf(status.updatedReplicas) ?? 0,
    numberOf(status.availableReplicas) ?? 0,
    age(deployment, context),
    ...templateCells(spec.template),
    selectorCell(spec.selector),
  ];
}

const strategy: Strategy<Deployment> = {
  default: defaultDeployment,
  prepareForCreate(deployment) {
    deployment.status = {};
  },
  prepareForUpdate(deployment, old) {
    deployment.status = old.status ?? {};
  },
  validate,
  validateUpdate: onUpdate(validate, selectorUpdateFindings),
  validateStatusUpdate,
  cells,
};

export const deploymentKind: ResourceDefinition<Deployment> = defineKind({
  type: deployments,
  schema: 'io.k8s.api.apps.v1.Deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  generation: true,
  status: true,
  statusMetadata: ['annotations', 'finalizers', 'ownerReferences'],
  scale: workloadScale,
  columns: [
    nameColumn,
    column('Ready', 'The number of ready pods of the wanted pods.'),
    column('Up-to-date', 'The number of pods of the newest template.', 'integer'),
    column('Available', 'The number of pods ready for at least minReadySeconds.', 'integer'),
    ageColumn,
    wideColumn('Containers', 'Names of the containers in the template.'),
    wideColumn('Images', 'Images of the containers in the template.'),
    wideColumn('Selector', 'The label selector of its pods.'),
  ],
  strategy,
});
