import { describe, expect, it } from '@jest/globals';
import { stopSignalNumber } from './stop-signal.ts';

describe('the stop signal of a container', () => {
  it.each([
    ['SIGQUIT', 3],
    ['quit', 3],
    [' 9 ', 9],
    ['SIGRTMIN+3', 37],
    ['RTMAX-1', 63],
    ['SIGRTMIN', 34],
  ])('reads %s', (text, number) => expect(stopSignalNumber(text)).toBe(number));

  it.each([undefined, '', 'SIGNOTHING', '0', '65', '-3', 'RTMAX+9', 'constructor', '15; rm'])(
    'takes SIGTERM for %s',
    (text) => expect(stopSignalNumber(text)).toBe(15),
  );
});
