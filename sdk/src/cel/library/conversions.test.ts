import { describe, it } from '@jest/globals';
import { expectAll } from '../testing/evaluated.ts';

const error = (message: string): { error: string } => ({ error: message });

it('converts numbers', () => {
  expectAll([
    ['int(1.9)', 1n],
    ['int(-1.9)', -1n],
    ['int(5u)', 5n],
    [`int('-42')`, -42n],
    [`int('9223372036854775808')`, error('strconv.ParseInt: parsing "9223372036854775808": value out of range')],
    [`int('4x')`, error('strconv.ParseInt: parsing "4x": invalid syntax')],
    ['int(18446744073709551615u)', error('integer overflow')],
    ['int(9223372036854775808.0)', error('integer overflow')],
    ['int(0.0 / 0.0)', error('integer overflow')],
    [`int(timestamp('1970-01-01T00:01:00Z'))`, 60n],
    ['uint(3.9)', { uint: 3n }],
    ['uint(-1)', error('unsigned integer overflow')],
    [`uint('7')`, { uint: 7n }],
    [`uint('-7')`, error('strconv.ParseUint: parsing "-7": invalid syntax')],
    ['double(3)', 3],
    [`double('1.5e3')`, 1500],
    [`double('-Infinity')`, Number.NEGATIVE_INFINITY],
    [`double('1,5')`, error('strconv.ParseFloat: parsing "1,5": invalid syntax')],
    [`bool('true') && !bool('F')`, true],
    [`bool('yes')`, error('strconv.ParseBool: parsing "yes": invalid syntax')],
    ['dyn(1)', 1n],
    ['int(dyn(true))', error('no such overload')],
  ]);
});

it('writes texts', () => {
  expectAll([
    ['string(-5)', '-5'],
    ['string(5u)', '5'],
    ['string(true)', 'true'],
    ['string(1.0)', '1'],
    ['string(123.456)', '123.456'],
    ['string(-0.00012)', '-0.00012'],
    ['string(0.00001)', '1e-05'],
    ['string(1000000.0)', '1e+06'],
    ['string(123456.0)', '123456'],
    ['string(1.0 / 0.0)', '+Inf'],
    ['string(0.0 / 0.0)', 'NaN'],
    [`string(b'\\303\\251')`, 'é'],
    [`string(b'\\377')`, error('invalid UTF-8 in bytes, cannot convert to string')],
    [`string(timestamp('2024-02-29T01:02:03.120+01:00'))`, '2024-02-29T00:02:03.12Z'],
    [`string(duration('1h30m1.5s'))`, '5401.5s'],
    [`string(duration('-1ms'))`, '-0.001s'],
    [`bytes('é')`, new Uint8Array([0xc3, 0xa9])],
    [`string('x')`, 'x'],
  ]);
});

describe('times', () => {
  it('are read, and refused', () => {
    expectAll([
      [`timestamp('2024-02-29T23:59:59Z')`, '2024-02-29T23:59:59Z'],
      [`timestamp('0001-01-01T00:00:00Z')`, '0001-01-01T00:00:00Z'],
      [`timestamp('9999-12-31T23:59:59.999999999Z')`, '9999-12-31T23:59:59.999999999Z'],
      ['timestamp(-62135596801)', error('timestamp overflow')],
      [`timestamp(dyn('2023-02-29T00:00:00Z'))`, error('invalid RFC 3339 timestamp "2023-02-29T00:00:00Z"')],
      [`timestamp(dyn('2023-02-01 00:00:00Z'))`, error('invalid RFC 3339 timestamp "2023-02-01 00:00:00Z"')],
      [`duration('1d')`.replace(`'1d'`, `dyn('1d')`), error('time: invalid duration "1d"')],
      [`duration(dyn(''))`, error('time: invalid duration ""')],
      [`duration('1.5h')`, '5400s'],
      [`duration('2h3us')`, '7200.000003s'],
      [`duration('0')`, '0s'],
      [`duration(dyn('2562048h'))`, error('time: invalid duration "2562048h"')],
    ]);
  });

  it('are computed with', () => {
    expectAll([
      [`timestamp('2024-01-01T00:00:00Z') + duration('24h')`, '2024-01-02T00:00:00Z'],
      [`duration('1h') + timestamp('2024-01-01T00:00:00Z')`, '2024-01-01T01:00:00Z'],
      [`timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z')`, '86400s'],
      [`timestamp('2024-01-02T00:00:00Z') - duration('1ns')`, '2024-01-01T23:59:59.999999999Z'],
      [`timestamp('9999-12-31T23:59:59Z') + duration('1s')`, error('timestamp overflow')],
      [`timestamp('9999-01-01T00:00:00Z') - timestamp('0001-01-01T00:00:00Z')`, error('duration overflow')],
      [`duration('1s') < duration('1m')`, true],
      [`timestamp('2024-01-01T00:00:00Z') == timestamp('2024-01-01T01:00:00+01:00')`, true],
    ]);
  });

  it('have parts, in time zones', () => {
    const at = `timestamp('2009-02-13T23:31:30.123Z')`;
    expectAll([
      [`${at}.getFullYear()`, 2009n],
      [`${at}.getMonth()`, 1n],
      [`${at}.getDate()`, 13n],
      [`${at}.getDayOfMonth()`, 12n],
      [`${at}.getDayOfWeek()`, 5n],
      [`${at}.getDayOfYear()`, 43n],
      [`${at}.getHours()`, 23n],
      [`${at}.getMinutes()`, 31n],
      [`${at}.getSeconds()`, 30n],
      [`${at}.getMilliseconds()`, 123n],
      [`${at}.getDate('Australia/Sydney')`, 14n],
      [`${at}.getHours('+02:00')`, 1n],
      [`${at}.getMinutes('-08:30')`, 1n],
      [`${at}.getHours('02:30')`, 2n],
      [`${at}.getHours('Nowhere/Land')`, error('unknown time zone Nowhere/Land')],
      [`timestamp('1969-12-31T23:59:59.999Z').getMilliseconds()`, 999n],
      [`duration('3h20m15s').getHours()`, 3n],
      [`duration('3h20m15s').getMinutes()`, 200n],
      [`duration('1m1.5s').getSeconds()`, 61n],
      [`duration('1m1.5s').getMilliseconds()`, 500n],
    ]);
  });
});
