import { KernelError, type AnyHookToken, type HookCallers, type HookRecord, type TapOptions } from '@timonel/sdk';
import { getOrCreate } from '../collections/get-or-create.ts';
import { HookPoint } from './hook-point.ts';
import { Tap, type TapOwner, type TapSurroundings } from './tap.ts';

/** All hooks of the kernel by id. */
export class HookRegistry {
  private readonly points = new Map<string, HookPoint>();
  private readonly owned = new Set<string>();
  private readonly surroundings: TapSurroundings;

  constructor(surroundings: TapSurroundings) {
    this.surroundings = surroundings;
  }

  /** Makes the hooks of an owner known, so that tapping them is no cause for a warning. */
  declare(hooks: HookRecord): void {
    for (const token of Object.values(hooks)) {
      this.point(token).token = token;
      this.owned.add(token.id);
    }
  }

  isOwned(token: AnyHookToken): boolean {
    return this.owned.has(token.id);
  }

  /** The callable form of an owner's hooks. */
  callersOf<H extends HookRecord>(hooks: H): HookCallers<H> {
    this.declare(hooks);
    const callers = Object.entries(hooks).map(([key, token]) => [key, this.point(token)] as const);
    return Object.freeze(Object.fromEntries(callers)) as HookCallers<H>;
  }

  /** Adds a tap that is not live yet. @throws KernelError ERR_PLUGIN_CONTRACT */
  add(token: AnyHookToken, owner: TapOwner, options: TapOptions): Tap {
    const { plugin } = owner;
    const point = this.point(token);
    if (point.token.kind !== token.kind) {
      const message = `plugin '${plugin}' taps '${token.id}' as a ${token.kind} hook, but it is a ${point.token.kind} hook`;
      throw new KernelError('ERR_PLUGIN_CONTRACT', message, { plugin });
    }
    const hookOptions = point.token.options;
    const tap = new Tap(
      {
        ...owner,
        token: point.token,
        stage: options.stage ?? 0,
        deadlineMs: Math.min(options.deadlineMs ?? hookOptions.deadlineMs, hookOptions.deadlineMs),
        onError: options.onError ?? hookOptions.onError,
        ownToo: options.ownToo ?? false,
      },
      this.surroundings,
    );
    tap.remove = point.add(tap);
    return tap;
  }

  /** @throws KernelError ERR_PLUGIN_CONTRACT when the token is none. */
  private point(token: AnyHookToken): HookPoint {
    if (token?.$$type !== '@timonel/hook') {
      throw new KernelError('ERR_PLUGIN_CONTRACT', 'the first argument of ctx.tap must be a hook token');
    }
    return getOrCreate(this.points, token.id, () => new HookPoint(token, () => this.surroundings.clock.monotonic()));
  }
}
