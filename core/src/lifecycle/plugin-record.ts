import {
  errorCode,
  errorMessage,
  type BreakerInfo,
  type Clock,
  type PluginInfo,
  type PluginState,
  type PluginStateChange,
} from '@timonel/sdk';
import { isolationOf, tokensOf } from '../graph/check-definition.ts';
import type { PluginEntry } from '../kernel/options.ts';
import type { PluginLife } from './plugin-life.ts';

/** What a record needs from the kernel. */
interface RecordParts {
  readonly env: { readonly clock: Clock };
  readonly onStateChange: (change: PluginStateChange) => void;
  readonly breakerOf: (record: PluginRecord) => BreakerInfo;
}

/** A plugin as the kernel knows it, over all its lives. */
export class PluginRecord {
  entry: PluginEntry;
  /** Wanted by the operator, whatever its state. */
  enabled: boolean;
  /** The checked configuration. */
  config: unknown = undefined;
  life: PluginLife | undefined;
  state: PluginState;
  reason: string | undefined;
  since: string;
  setupMs: number | undefined;
  startMs: number | undefined;
  faults = 0;
  restarts = 0;
  private readonly clock: Clock;
  private readonly onChange: (change: PluginStateChange) => void;
  private readonly breakerOf: (record: PluginRecord) => BreakerInfo;

  constructor(entry: PluginEntry, enabled: boolean, parts: RecordParts) {
    const { clock } = parts.env;
    this.entry = entry;
    this.enabled = enabled;
    this.state = enabled ? 'declared' : 'disabled';
    this.clock = clock;
    this.since = clock.timestamp();
    this.onChange = parts.onStateChange;
    this.breakerOf = parts.breakerOf;
  }

  get name(): string {
    return this.entry.definition.name;
  }

  moveTo(state: PluginState, reason?: string): void {
    const from = this.state;
    if (from === state && this.reason === reason) return;
    this.state = state;
    this.reason = reason;
    this.since = this.clock.timestamp();
    this.onChange({ plugin: this.name, from, to: state, reason });
  }

  info(): PluginInfo {
    const { definition, source } = this.entry;
    const aside = this.life?.aside;
    const ids = (part: 'provides' | 'requires'): string[] => tokensOf(definition, part).map(([, token]) => token.id);
    return {
      name: definition.name,
      version: definition.version,
      description: definition.description,
      source,
      enabled: this.enabled,
      state: this.state,
      reason: this.reason ?? (aside === undefined ? undefined : `aside of service '${aside}'`),
      since: this.since,
      setupMs: this.setupMs,
      startMs: this.startMs,
      criticality: definition.criticality,
      isolation: isolationOf(this.entry),
      swap: definition.swap,
      provides: ids('provides'),
      requires: ids('requires'),
      taps: this.life?.taps() ?? [],
      breaker: this.breakerOf(this),
      faults: this.faults,
      restarts: this.restarts,
    };
  }
}

/** Code and message, as `reason` shows them. */
export function describeError(error: unknown): string {
  const code = errorCode(error);
  return code === undefined ? errorMessage(error) : `${code}: ${errorMessage(error)}`;
}
