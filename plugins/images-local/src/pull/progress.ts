import type { PullProgress } from '@timonel/sdk/contracts/images';

type LayerProgress = PullProgress['layers'][number];

/** How far a pull or a push is. Tells it at most so often, and always when a phase or a layer's state changes. */
export class ProgressBoard {
  readonly #report: (progress: PullProgress) => void;
  readonly #now: () => number;
  #phase: PullProgress['phase'] = 'resolving';
  #layers: LayerProgress[] = [];
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(report: (progress: PullProgress) => void, now: () => number) {
    this.#report = report;
    this.#now = now;
    this.#tell();
  }

  setLayers(layers: readonly LayerProgress[]): void {
    this.#layers = [...layers];
    this.#tell();
  }

  setPhase(phase: PullProgress['phase']): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#tell();
  }

  setState(at: number, state: LayerProgress['state']): void {
    this.#change(at, (layer) => ({
      ...layer,
      state,
      doneBytes: state === 'done' || state === 'present' ? layer.totalBytes : layer.doneBytes,
    }));
    this.#tell();
  }

  setBytes(at: number, doneBytes: number): void {
    this.#change(at, (layer) => ({ ...layer, doneBytes }));
    if (this.#now() - this.#toldAt >= 100) this.#tell();
  }

  #change(at: number, change: (layer: LayerProgress) => LayerProgress): void {
    const layer = this.#layers[at];
    if (layer !== undefined) this.#layers[at] = change(layer);
  }

  #tell(): void {
    this.#toldAt = this.#now();
    this.#report({ phase: this.#phase, layers: [...this.#layers] });
  }
}
