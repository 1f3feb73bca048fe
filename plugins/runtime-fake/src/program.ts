/** What a fake container does: by its command when that is one of the words below, else by the stage of its image. */
import type { Stage } from './config.ts';

export interface Program {
  /** Undefined: it starts. Else the exit code and text of a start that fails. */
  readonly startError: { readonly exitCode: number; readonly message: string } | undefined;
  readonly startDelayMs: number;
  /** Undefined: runs until stopped. */
  readonly exitAfterMs: number | undefined;
  readonly exitCode: number;
  /** Signal that ends it by itself. */
  readonly signal: number | undefined;
  readonly ignoresTerm: boolean;
}

const steady: Program = {
  startError: undefined,
  startDelayMs: 0,
  exitAfterMs: undefined,
  exitCode: 0,
  signal: undefined,
  ignoresTerm: false,
};

/**
 * The commands: `fake:run`, `fake:ignore-term`, `fake:exit CODE [AFTER_MS]`, `fake:kill-itself`, `fake:absent NAME`. Undefined for
 * any other.
 */
function fromCommand(command: readonly string[]): Program | undefined {
  const [word, first, second] = command;
  switch (word) {
    case 'fake:run':
      return steady;
    case 'fake:ignore-term':
      return { ...steady, ignoresTerm: true };
    case 'fake:exit':
      return { ...steady, exitCode: Number(first ?? 0), exitAfterMs: Number(second ?? 0) };
    case 'fake:kill-itself':
      return { ...steady, exitCode: 137, signal: 9, exitAfterMs: 0 };
    case 'fake:absent':
      return {
        ...steady,
        startError: { exitCode: 127, message: `exec: "${first ?? word}": executable file not found` },
      };
    default:
      return undefined;
  }
}

function fits(pattern: string, image: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`).test(image);
}

export function programOf(command: readonly string[], image: string, stages: readonly Stage[]): Program {
  const own = fromCommand(command);
  if (own !== undefined) return own;
  const stage = stages.find((entry) => fits(entry.image, image));
  if (stage === undefined) return steady;
  const { startDelayMs, exitAfterMs, exitCode } = stage;
  return { ...steady, startDelayMs, exitAfterMs, exitCode };
}
