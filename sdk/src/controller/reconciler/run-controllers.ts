/** One or more declared controllers as the instance of a plugin, for plugins that do more than one controller does. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { ApiClient } from '../../contracts/api/index.ts';
import type { Controller, ControllerStatus } from '../../contracts/controller/index.ts';
import type { Leadership } from '../../contracts/leadership/index.ts';
import type { Explainer } from '../../contracts/why/index.ts';
import type { Deps, OptionalRef, StopReason, TokenRecord } from '../../kernel/index.ts';
import type { KubeObject } from '../../kube/index.ts';
import type { ControllerHost } from '../host.ts';
import { informers, type Informers } from '../informers.ts';
import { buildController, type BuiltController, type PartContext } from './build-controller.ts';
import type { ControllerInput, None, Observation } from './define-controller.ts';

/** The part of a plugin's context that is used. `leadership` absent: the controllers work on every machine. */
export interface ControllersContext<
  R extends TokenRecord = None,
  O extends TokenRecord = None,
  C = unknown,
> extends ControllerHost {
  readonly deps: Deps<R, O> & { readonly api: ApiClient; readonly leadership?: OptionalRef<Leadership> };
  readonly config: C;
  readonly dataDir: string;
}

/** A controller that is built when the plugin is. Made by {@link controllerPart}. */
export type ControllerPart<R extends TokenRecord = None, O extends TokenRecord = None, C = unknown> = (
  context: PartContext<R, O, C>,
) => BuiltController;

/** Declares one controller of a plugin that has several; its dependencies and its configuration are the plugin's. */
export function controllerPart<
  T extends KubeObject & { status?: unknown },
  Inputs,
  Seen extends Observation<T>,
  R extends TokenRecord = None,
  O extends TokenRecord = None,
  C = unknown,
>(
  input: Omit<
    ControllerInput<T, Inputs, Seen, R, O, StandardSchemaV1<unknown, C>>,
    'requires' | 'optional' | 'config' | 'version' | 'description'
  >,
): ControllerPart<R, O, C> {
  return (context) =>
    buildController<T, Inputs, Seen, R, O, StandardSchemaV1<unknown, C>>(context, {
      ...input,
      version: '',
      description: '',
    });
}

/** In the shape of a plugin instance. */
export interface RunningControllers {
  readonly provides: { readonly controller: Controller; readonly explainers: Explainer };
  /** The caches that they share. */
  readonly informers: Informers;
  start(): void;
  drain(): Promise<void>;
  stop(reason?: StopReason): Promise<void>;
}

function statusOf(name: string, all: readonly ControllerStatus[]): ControllerStatus {
  const sum = (field: 'queued' | 'processing' | 'delayed' | 'reconciles' | 'errors'): number =>
    all.reduce((total, status) => total + status[field], 0);
  return {
    name: name.replace(/^controller-/, ''),
    queued: sum('queued'),
    processing: sum('processing'),
    delayed: sum('delayed'),
    reconciles: sum('reconciles'),
    errors: sum('errors'),
    synced: all.every(({ synced }) => synced),
    leading: all.every(({ leading }) => leading),
  };
}

function explainerOfAll(explainers: readonly Explainer[]): Explainer {
  return {
    kinds: () => explainers.flatMap((explainer) => [...explainer.kinds()]),
    async explain(object) {
      const answers = await Promise.all(
        explainers
          .filter((explainer) =>
            explainer.kinds().some(({ group, resource }) => group === object.group && resource === object.resource),
          )
          .map((explainer) => explainer.explain(object)),
      );
      const found = answers.filter((answer) => answer !== undefined);
      const [first] = found;
      if (first === undefined || found.length === 1) return first;
      const told = found.find(({ causes }) => causes.length > 0) ?? first;
      return {
        ...told,
        causes: found.flatMap(({ causes }) => causes),
        decisions: found.flatMap(({ decisions }) => decisions).toSorted((a, b) => (a.time < b.time ? 1 : -1)),
      };
    },
  };
}

/** Builds the controllers. Nothing runs before `start`. */
export function runControllers<R extends TokenRecord = None, O extends TokenRecord = None, C = unknown>(
  ctx: ControllersContext<R, O, C>,
  parts: readonly ControllerPart<R, O, C>[],
): RunningControllers {
  const { deps, config, env, log, signal, dataDir } = ctx;
  const caches = informers(ctx, deps.api);
  const wiring = { host: ctx, informers: caches, api: deps.api, deps, config, env, log, signal, dataDir };
  const built = parts.map((part) => part({ host: ctx, wiring, leadership: deps.leadership }));
  const running = built.map((part) => part.running);
  const controller: Controller = {
    status: () =>
      statusOf(
        ctx.name,
        running.map(({ provides }) => provides.controller.status()),
      ),
  };
  return {
    provides: { controller, explainers: explainerOfAll(built.map(({ explainer }) => explainer)) },
    informers: caches,
    start() {
      for (const part of running) part.start();
    },
    async drain() {
      await Promise.all(running.map((part) => part.drain()));
    },
    async stop(reason) {
      await Promise.all(running.map((part) => part.stop(reason)));
    },
  };
}
