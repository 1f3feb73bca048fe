/** The operations of a workload. Source: scheduler_perf of Kubernetes, whose files may be read as they are. */
import { resolve } from 'node:path';
import { WorkloadError, type Fields, type Params } from './fields.ts';

/** A file of an object with Go's template expressions in it, and their parameters. */
export interface Template {
  readonly path: string;
  readonly params: Params;
}

/** What the nodes of one operation get beside their template. */
export type NodeStrategy =
  | { readonly kind: 'label'; readonly key: string; readonly values: readonly string[] }
  | { readonly kind: 'unique-label'; readonly key: string }
  | { readonly kind: 'allocatable'; readonly allocatable: Readonly<Record<string, string>> };

export interface CreateNodes {
  readonly opcode: 'createNodes';
  readonly count: number;
  readonly template: Template | undefined;
  readonly strategy: NodeStrategy | undefined;
}

export interface CreateNamespaces {
  readonly opcode: 'createNamespaces';
  readonly prefix: string;
  readonly count: number;
  readonly template: Template | undefined;
}

export interface CreatePods {
  readonly opcode: 'createPods';
  readonly count: number;
  /** undefined: one of the operation's own. */
  readonly namespace: string | undefined;
  readonly template: Template;
  readonly collectMetrics: boolean;
  readonly skipWaitToCompletion: boolean;
  /** Keeps as many pods pending or bound for so long: each that is bound is deleted and another created. */
  readonly steadyMs: number | undefined;
}

export interface CreatePodSets {
  readonly opcode: 'createPodSets';
  readonly count: number;
  readonly namespacePrefix: string;
  readonly createPods: CreatePods;
}

export interface CreateAny {
  readonly opcode: 'createAny';
  readonly count: number;
  readonly namespace: string | undefined;
  readonly template: Template;
}

export interface DeletePods {
  readonly opcode: 'deletePods';
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly skipWaitToCompletion: boolean;
  /** 0: all at once. */
  readonly perSecond: number;
}

export interface Churn {
  readonly opcode: 'churn';
  readonly mode: 'create' | 'recreate';
  /** 0: without end. */
  readonly number: number;
  readonly intervalMs: number;
  readonly namespace: string | undefined;
  readonly templates: readonly Template[];
}

export interface Barrier {
  readonly opcode: 'barrier';
  /** None: all. */
  readonly namespaces: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly stage: 'Scheduled' | 'Attempted';
}

export interface Sleep {
  readonly opcode: 'sleep';
  readonly ms: number;
}

export interface StartCollectingMetrics {
  readonly opcode: 'startCollectingMetrics';
  readonly name: string | undefined;
  readonly namespaces: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface StopCollectingMetrics {
  readonly opcode: 'stopCollectingMetrics';
}

export type Operation =
  | CreateNodes
  | CreateNamespaces
  | CreatePods
  | CreatePodSets
  | CreateAny
  | DeletePods
  | Churn
  | Barrier
  | Sleep
  | StartCollectingMetrics
  | StopCollectingMetrics;

/** What an operation is read with. */
export interface OperationContext {
  readonly params: Params;
  /** Of the file: paths are relative to it. */
  readonly folder: string;
  readonly defaultPodTemplate: string | undefined;
}

type Read = (fields: Fields, context: OperationContext) => Operation;

function templateAt(fields: Fields, name: string, context: OperationContext): Template | undefined {
  const path = fields.optionalText(name);
  const params = fields.has('templateParams') ? fields.templateParams(context.params) : {};
  return path === undefined ? undefined : { path: resolve(context.folder, path), params };
}

function nodeStrategy(fields: Fields): NodeStrategy | undefined {
  const label = fields.child('labelNodePrepareStrategy');
  const unique = fields.child('uniqueNodeLabelStrategy');
  const allocatable = fields.child('nodeAllocatableStrategy');
  if ([label, unique, allocatable].filter((strategy) => strategy !== undefined).length > 1)
    throw new WorkloadError(fields.where, 'only one strategy can prepare the nodes of an operation');
  let strategy: NodeStrategy | undefined;
  if (label !== undefined) {
    strategy = { kind: 'label', key: label.text('labelKey'), values: label.texts('labelValues') };
    if (strategy.values.length === 0) label.fail('labelValues', 'must not be empty');
  }
  if (unique !== undefined) strategy = { kind: 'unique-label', key: unique.text('labelKey') };
  if (allocatable !== undefined)
    strategy = { kind: 'allocatable', allocatable: allocatable.textMapping('nodeAllocatable') };
  for (const part of [label, unique, allocatable]) part?.end();
  return strategy;
}

function createNodes(fields: Fields, context: OperationContext): CreateNodes {
  return {
    opcode: 'createNodes',
    count: fields.count('count', context.params),
    template: templateAt(fields, 'nodeTemplatePath', context),
    strategy: nodeStrategy(fields),
  };
}

function createNamespaces(fields: Fields, context: OperationContext): CreateNamespaces {
  return {
    opcode: 'createNamespaces',
    prefix: fields.text('prefix'),
    count: fields.count('count', context.params),
    template: templateAt(fields, 'namespaceTemplatePath', context),
  };
}

function createPods(fields: Fields, context: OperationContext): CreatePods {
  const { params, folder, defaultPodTemplate } = context;
  const own = templateAt(fields, 'podTemplatePath', context);
  const fallback = defaultPodTemplate === undefined ? undefined : resolve(folder, defaultPodTemplate);
  const path = own?.path ?? fallback;
  if (path === undefined) return fields.fail('podTemplatePath', 'is missing, and so is defaultPodTemplatePath');
  const multiplier = fields.param('countMultiplierParam', params) ?? 1;
  if (typeof multiplier !== 'number' || !Number.isInteger(multiplier))
    return fields.fail('countMultiplierParam', 'must name a whole number');
  const collectMetrics = fields.flag('collectMetrics');
  const skipWaitToCompletion = fields.flag('skipWaitToCompletion');
  const isSteady = fields.flagOrParam('steadyState', params);
  const durationMs = fields.durationMs('duration', params);
  if (skipWaitToCompletion && collectMetrics) fields.fail('skipWaitToCompletion', 'cannot go with collectMetrics');
  if (skipWaitToCompletion && isSteady) fields.fail('skipWaitToCompletion', 'cannot go with steadyState');
  if (isSteady && (durationMs ?? 0) <= 0) fields.fail('duration', 'must be more than 0 with steadyState');
  return {
    opcode: 'createPods',
    count: fields.count('count', params) * multiplier,
    namespace: fields.optionalText('namespace'),
    template: { path, params: fields.templateParams(params) },
    collectMetrics,
    skipWaitToCompletion,
    steadyMs: isSteady ? durationMs : undefined,
  };
}

function createPodSets(fields: Fields, context: OperationContext): CreatePodSets {
  const inner = fields.child('createPodsOp') ?? fields.fail('createPodsOp', 'is missing');
  if (inner.text('opcode') !== 'createPods') inner.fail('opcode', 'must be createPods');
  const pods = createPods(inner, context);
  inner.end();
  const count = fields.count('count', context.params);
  return { opcode: 'createPodSets', count, namespacePrefix: fields.text('namespacePrefix'), createPods: pods };
}

function createAny(fields: Fields, context: OperationContext): CreateAny {
  const count = fields.count('count', context.params, 1);
  const namespace = fields.optionalText('namespace');
  const template = templateAt(fields, 'templatePath', context) ?? fields.fail('templatePath', 'is missing');
  return { opcode: 'createAny', count, namespace, template };
}

function deletePods(fields: Fields): DeletePods {
  return {
    opcode: 'deletePods',
    namespace: fields.text('namespace'),
    labels: fields.textMapping('labelSelector'),
    skipWaitToCompletion: fields.flag('skipWaitToCompletion'),
    perSecond: fields.whole('deletePodsPerSecond') ?? 0,
  };
}

function churn(fields: Fields, { folder }: OperationContext): Churn {
  const mode = fields.text('mode');
  if (mode !== 'create' && mode !== 'recreate') return fields.fail('mode', `must be create or recreate, not "${mode}"`);
  const number = fields.whole('number') ?? 0;
  if (mode === 'recreate' && number === 0) fields.fail('number', 'must be more than 0 when mode is recreate');
  const paths = fields.texts('templatePaths');
  if (paths.length === 0) fields.fail('templatePaths', 'must not be empty');
  return {
    opcode: 'churn',
    mode,
    number,
    intervalMs: fields.whole('intervalMilliseconds') || 500,
    namespace: fields.optionalText('namespace'),
    templates: paths.map((path) => ({ path: resolve(folder, path), params: {} })),
  };
}

function barrier(fields: Fields): Barrier {
  const stage = fields.optionalText('stageRequirement') ?? 'Scheduled';
  if (stage !== 'Scheduled' && stage !== 'Attempted')
    return fields.fail('stageRequirement', `must be Scheduled or Attempted, not "${stage}"`);
  return {
    opcode: 'barrier',
    namespaces: fields.texts('namespaces'),
    labels: fields.textMapping('labelSelector'),
    stage,
  };
}

function startCollectingMetrics(fields: Fields): StartCollectingMetrics {
  const namespaces = fields.texts('namespaces');
  if (namespaces.length === 0) fields.fail('namespaces', 'must not be empty');
  const labels = fields.textMapping('labelSelector');
  return { opcode: 'startCollectingMetrics', name: fields.optionalText('name'), namespaces, labels };
}

const readers: ReadonlyMap<string, Read> = new Map<string, Read>([
  ['createNodes', createNodes],
  ['createNamespaces', createNamespaces],
  ['createPods', createPods],
  ['createPodSets', createPodSets],
  ['createAny', createAny],
  ['deletePods', deletePods],
  ['churn', churn],
  ['barrier', barrier],
  [
    'sleep',
    (fields, { params }) => ({
      opcode: 'sleep',
      ms: fields.durationMs('duration', params) ?? fields.fail('duration', 'is missing'),
    }),
  ],
  ['startCollectingMetrics', startCollectingMetrics],
  ['stopCollectingMetrics', () => ({ opcode: 'stopCollectingMetrics' })],
]);

/** @throws WorkloadError */
export function readOperation(fields: Fields, context: OperationContext): Operation {
  const opcode = fields.text('opcode');
  const read = readers.get(opcode);
  if (read === undefined)
    return fields.fail('opcode', `unknown opcode "${opcode}"; known: ${[...readers.keys()].join(', ')}`);
  const operation = read(fields, context);
  fields.end();
  return operation;
}
