import { constants } from 'node:os';

/** glibc and musl keep the first two real-time signals of the kernel for themselves. */
const realTime = { min: 34, max: 64 };

/** The number of a stop signal as an image names it. Absent or not a signal of this system: SIGTERM. */
export function stopSignalNumber(text: string | undefined): number {
  const name = (text ?? '').trim().toUpperCase().replace(/^SIG/, '');
  const [, edge, offset] = /^RT(MIN|MAX)(?:([+-]\d{1,2}))?$/.exec(name) ?? [];
  const numbers: Readonly<Record<string, number>> = constants.signals;
  const realTimeNumber =
    edge === undefined ? undefined : realTime[edge === 'MIN' ? 'min' : 'max'] + Number(offset ?? 0);
  const number = /^\d+$/.test(name) ? Number(name) : (realTimeNumber ?? numbers[`SIG${name}`]);
  return number !== undefined && number >= 1 && number <= realTime.max ? number : constants.signals.SIGTERM;
}
