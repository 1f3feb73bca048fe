/** How far a pull or a push is, for people: bars on a terminal, lines elsewhere. */
import type { PullProgress } from '@timonel/sdk/contracts/images';
import { formatBytes } from '../../output/table.ts';

export interface ProgressView {
  show(progress: PullProgress): void;
  /** Leaves what is on the screen there. */
  end(): void;
}

interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

type Layer = PullProgress['layers'][number];

const shortOf = ({ digest }: Layer): string => digest.replace('sha256:', '').slice(0, 12);

/** One word for a layer's state: of a push what is under way is an upload. */
function wordOf({ state }: Layer, phase: PullProgress['phase']): string {
  if (state === 'present') return 'already there';
  return state === 'downloading' && phase === 'uploading' ? 'uploading' : state;
}

export function progressView(screen: Screen): ProgressView {
  return screen.isTTY === true ? new Bars(screen) : new Lines(screen);
}

class Lines implements ProgressView {
  readonly #screen: Screen;
  readonly #told: Map<number, string> = new Map();

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  show({ phase, layers }: PullProgress): void {
    for (const [i, layer] of layers.entries()) {
      const word = wordOf(layer, phase);
      if (word === 'waiting' || this.#told.get(i) === word) continue;
      this.#told.set(i, word);
      this.#screen.write(`${shortOf(layer)}: ${word} (${formatBytes(layer.totalBytes)})\n`);
    }
  }

  end(): void {
    this.#told.clear();
  }
}

class Bars implements ProgressView {
  readonly #screen: Screen;
  #drawn = 0;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  show({ phase, layers }: PullProgress): void {
    const width = this.#screen.columns ?? 80;
    const lines = layers.map((layer) => barLine(layer, phase, width));
    const up = this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A`;
    this.#screen.write(`${up}${lines.map((line) => `\r\x1b[2K${line}\n`).join('')}`);
    this.#drawn = lines.length;
  }

  end(): void {
    this.#drawn = 0;
  }
}

/** `4f1b0c2a9d3e  [=======>      ]  12.3 MB / 45.6 MB  downloading`, no wider than the terminal. */
export function barLine(layer: Layer, phase: PullProgress['phase'], width: number): string {
  const { doneBytes, totalBytes } = layer;
  const sizes = `${formatBytes(doneBytes)} / ${formatBytes(totalBytes)}`;
  const rest = `${sizes.padStart(21)}  ${wordOf(layer, phase)}`;
  const room = Math.min(40, width - 12 - 6 - rest.length - 1);
  if (room < 5) return `${shortOf(layer)}  ${rest}`.slice(0, Math.max(0, width - 1));
  const part = totalBytes === 0 ? 0 : Math.min(1, doneBytes / totalBytes);
  const filled = layer.state === 'done' || layer.state === 'present' ? room : Math.floor(part * room);
  const tip = filled > 0 && filled < room ? `${'='.repeat(filled - 1)}>` : '='.repeat(filled);
  return `${shortOf(layer)}  [${tip.padEnd(room)}]  ${rest}`;
}
