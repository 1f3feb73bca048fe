export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

const textLimit = 1024;
const largest = 65_535;

function sizeOf(text: string): TerminalSize | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  // As Go decodes it: names in any case.
  const fields = new Map(Object.entries(value).map(([key, number]) => [key.toLowerCase(), Number(number)]));
  const [columns, rows] = [fields.get('width') ?? 0, fields.get('height') ?? 0];
  const fits = (size: number): boolean => Number.isInteger(size) && size > 0 && size <= largest;
  return fits(columns) && fits(rows) ? { columns, rows } : undefined;
}

/** Reads the sizes in a resize channel: JSON objects `{"Width":80,"Height":24}`, one after another, cut anywhere. Others are passed over. */
export class TerminalSizes {
  #text = '';

  /** The sizes that are complete now. */
  add(chunk: Uint8Array): TerminalSize[] {
    const pieces = (this.#text + Buffer.from(chunk).toString('latin1')).split('}');
    this.#text = (pieces.pop() ?? '').slice(0, textLimit);
    return pieces.flatMap((piece) => sizeOf(`${piece}}`) ?? []);
  }
}

/** One size as the channel carries it. */
export function terminalSizeText({ columns, rows }: TerminalSize): string {
  return JSON.stringify({ Width: columns, Height: rows });
}
