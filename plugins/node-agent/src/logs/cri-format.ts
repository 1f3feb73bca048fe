/** Lines of a CRI log file: `2026-01-02T03:04:05.123456789Z stdout F text`; `P` marks a part of a longer line. */
export interface LogLine {
  readonly time: string;
  readonly stream: string;
  readonly partial: boolean;
  readonly text: string;
}

/** Without its newline; undefined when it is none of the format. */
export function parseLine(line: string): LogLine | undefined {
  const first = line.indexOf(' ');
  const second = line.indexOf(' ', first + 1);
  if (first < 0 || second < 0) return undefined;
  const third = line.indexOf(' ', second + 1);
  const tag = third < 0 ? line.slice(second + 1) : line.slice(second + 1, third);
  const stream = line.slice(first + 1, second);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  return {
    time: line.slice(0, first),
    stream,
    partial: tag.split(':')[0] === 'P',
    text: third < 0 ? '' : line.slice(third + 1),
  };
}
