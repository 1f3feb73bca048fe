/** How fast an autoscaler may go in each direction: what it says itself, or the rules for those that say nothing. */
import {
  parseQuantity,
  type HorizontalPodAutoscalerSpec,
  type ScalingPolicy,
  type ScalingRules,
} from '@timonel/sdk/kube';
import type { AutoscalerConfig } from './config.ts';
import type { Tolerance } from './ratio.ts';

export interface DirectionRules {
  readonly windowMs: number;
  readonly selectPolicy: 'Max' | 'Min' | 'Disabled';
  readonly policies: readonly ScalingPolicy[];
}

export interface Behavior {
  readonly up: DirectionRules;
  readonly down: DirectionRules;
}

const periodSeconds = 15;
const upwards: readonly ScalingPolicy[] = [
  { type: 'Pods', value: 4, periodSeconds },
  { type: 'Percent', value: 100, periodSeconds },
];
const downwards: readonly ScalingPolicy[] = [{ type: 'Percent', value: 100, periodSeconds }];

function rulesOf(
  rules: ScalingRules | undefined,
  windowMs: number,
  policies: readonly ScalingPolicy[],
): DirectionRules {
  const { selectPolicy, stabilizationWindowSeconds: seconds } = rules ?? {};
  const given = rules?.policies ?? [];
  return {
    windowMs: seconds === undefined ? windowMs : seconds * 1000,
    selectPolicy: selectPolicy === 'Min' || selectPolicy === 'Disabled' ? selectPolicy : 'Max',
    policies: given.length > 0 ? given : policies,
  };
}

/** Undefined: the autoscaler does not say, and the older rules apply. */
export function behaviorOf(spec: HorizontalPodAutoscalerSpec, config: AutoscalerConfig): Behavior | undefined {
  const { behavior } = spec;
  if (behavior === undefined) return undefined;
  return {
    up: rulesOf(behavior.scaleUp, 0, upwards),
    down: rulesOf(behavior.scaleDown, config.downscaleStabilizationMs, downwards),
  };
}

/** How long recommendations matter. */
export function windowOf(spec: HorizontalPodAutoscalerSpec, config: AutoscalerConfig): number {
  const behavior = behaviorOf(spec, config);
  if (behavior === undefined) return config.downscaleStabilizationMs;
  return Math.max(behavior.up.windowMs, behavior.down.windowMs);
}

export function toleranceOf({ behavior }: HorizontalPodAutoscalerSpec, config: AutoscalerConfig): Tolerance {
  const of = (rules: ScalingRules | undefined): number =>
    (rules?.tolerance === undefined ? undefined : parseQuantity(rules.tolerance)) ?? config.tolerance;
  return { up: of(behavior?.scaleUp), down: of(behavior?.scaleDown) };
}
