import { describe, expect, it } from '@jest/globals';
import { expectAll, problems } from '../testing/evaluated.ts';

const error = (message: string): { error: string } => ({ error: message });

it('texts', () => {
  expectAll([
    [`'tacocat'.charAt(3)`, 'o'],
    [`'tacocat'.charAt(7)`, ''],
    [`'tacocat'.charAt(30)`, error('index out of range: 30')],
    [`'a🐱b'.charAt(1)`, '🐱'],
    [`'tacocat'.indexOf('ac')`, 1n],
    [`'a🐱b'.indexOf('b')`, 2n],
    [`'tacocat'.indexOf('a', 3)`, 5n],
    [`'tacocat'.indexOf('')`, 0n],
    [`'tacocat'.indexOf('a', -1)`, error('index out of range: -1')],
    [`'tacocat'.lastIndexOf('at')`, 5n],
    [`'tacocat'.lastIndexOf('a', 4)`, 1n],
    [`'tacocat'.lastIndexOf('none')`, -1n],
    [`['x', 'y'].join()`, 'xy'],
    [`['x', 'y'].join('-')`, 'x-y'],
    [`'TacÖCät'.lowerAscii()`, 'tacÖcät'],
    [`'tacÖcät'.upperAscii()`, 'TACÖCäT'],
    [`'hello hello'.replace('he', 'we')`, 'wello wello'],
    [`'hello hello'.replace('he', 'we', 1)`, 'wello hello'],
    [`'hello hello'.replace('he', 'we', 0)`, 'hello hello'],
    [`'ab'.replace('', '_')`, '_a_b_'],
    [`'ab'.replace('', '_', 2)`, '_a_b'],
    [`'a b c'.split(' ')`, ['a', 'b', 'c']],
    [`'a b c'.split(' ', 2)`, ['a', 'b c']],
    [`'a b c'.split(' ', 0)`, []],
    [`'a🐱'.split('')`, ['a', '🐱']],
    [`'tacocat'.substring(4)`, 'cat'],
    [`'tacocat'.substring(0, 4)`, 'taco'],
    [`'a🐱b'.substring(1, 2)`, '🐱'],
    [`'tacocat'.substring(4, 2)`, error('invalid substring range. start: 4, end: 2')],
    [`'tacocat'.substring(9)`, error('index out of range: 9')],
    [`' \\t\\n x y \\u2003'.trim()`, 'x y'],
    [`'a🐱b'.reverse()`, 'b🐱a'],
    [`strings.quote('a"\\n\\\\')`, '"a\\"\\n\\\\"'],
  ]);
});

it('texts with values in them', () => {
  expectAll([
    [`'%s is %d%%'.format(['x', 5])`, 'x is 5%'],
    [`'%.2f %f'.format([1.005, 2.0])`, '1.00 2.000000'],
    [`'%e'.format([1234.5])`, '1.234500e+03'],
    [`'%x %X %o %b'.format([255, 255, 8, 5])`, 'ff FF 10 101'],
    [`'%x'.format(['hi'])`, '6869'],
    [`'%b'.format([true])`, '1'],
    [`'%s'.format([[1, 'a', null, 1.5]])`, '[1, a, null, 1.5]'],
    [`'%s'.format([{'b': 1, 'a': [true]}])`, '{a: [true], b: 1}'],
    [`'%s %s'.format([duration('1m'), timestamp('2024-01-01T00:00:00Z')])`, '60s 2024-01-01T00:00:00Z'],
    [`'%s'.format([type(1)])`, 'int'],
    [
      `'%d'.format(['x'])`,
      error('error during formatting: decimal clause can only be used on integers, was given string'),
    ],
    [`'%d %s %f'.format([1.0 / 0.0, -1.0 / 0.0, 0.0 / 0.0])`, 'Infinity -Infinity NaN'],
    [
      `'%b'.format(['x'])`,
      error('error during formatting: only integers and bools can be formatted as binary, was given string'),
    ],
    [
      `'%x'.format([0.5])`,
      error(
        'error during formatting: only integers, byte buffers, and strings can be formatted as hex, was given double',
      ),
    ],
    [
      `'%o'.format([null])`,
      error('error during formatting: octal clause can only be used on integers, was given null_type'),
    ],
    [`'%s %s'.format(['x'])`, error('could not parse formatting string: index 1 out of range')],
    [`'%q'.format(['x'])`, error('could not parse formatting clause: unrecognized formatting clause "q"')],
    [`'%.99f'.format([1.0])`, error('could not parse formatting string: precision 99 is above 50')],
  ]);
});

it('lists', () => {
  expectAll([
    ['[1, 2, 2].isSorted()', true],
    [`['b', 'a'].isSorted()`, false],
    ['[].isSorted()', true],
    ['[1, 3].sum()', 4n],
    ['[1.5, 3.0].sum()', 4.5],
    [`[duration('1m'), duration('1s')].sum()`, '61s'],
    ['[9223372036854775807, 1].sum()', error('integer overflow')],
    ['[1, 3, 2].max()', 3n],
    [`['b', 'a'].min()`, 'a'],
    ['[1].filter(x, false).min()', error('min called on empty list')],
    ['[1, 2, 1].indexOf(1)', 0n],
    ['[1, 2, 1].lastIndexOf(1)', 2n],
    ['[1].indexOf(5)', -1n],
    ['[1, 2, 3].slice(1, 2)', [2n]],
    ['[1].slice(0, 2)', error('cannot slice(0, 2), list is length 1')],
    ['[[1], [2, 3]].flatten()', [1n, 2n, 3n]],
    ['[[[1]], [[2]]].flatten(2)', [1n, 2n]],
    ['[1, 2, 1].distinct()', [1n, 2n]],
    ['[3, 1, 2].sort()', [1n, 2n, 3n]],
    ['[1, 2].reverse()', [2n, 1n]],
    ['lists.range(3)', [0n, 1n, 2n]],
    ['[1, 2].first().value() + [1, 2].last().value()', 3n],
    ['[[1, 2]].first().value()[0]', 1n],
  ]);
  expect(problems('[[1]].isSorted()')[0]).toMatch(/found no matching overload for 'isSorted'/);
});

it('sets', () => {
  expectAll([
    ['sets.contains([1, 2], [2, 2])', true],
    ['sets.contains([1], [1, 2])', false],
    ['sets.contains([], [])', true],
    ['sets.equivalent([1, 2], [2, 1, 1])', true],
    ['sets.equivalent([1], [1, 2])', false],
    ['sets.intersects([1, 2], [2, 3])', true],
    ['sets.intersects([], [])', false],
  ]);
});

it('numbers', () => {
  expectAll([
    ['math.greatest(1, 3, 2)', 3n],
    ['math.greatest(1, 2.5)', 2.5],
    ['math.least([3, 1])', 1n],
    ['math.least(-1)', -1n],
    ['math.greatest(1, 2u, 0.5, 4)', 4n],
    ['math.greatest(dyn("x"), 1)', error('no such overload')],
    ['math.ceil(1.2) + math.floor(1.8) + math.trunc(-1.5)', 2],
    ['math.round(-1.5)', -2],
    ['math.round(2.4)', 2],
    ['math.abs(-9223372036854775808)', error('integer overflow')],
    ['math.sign(-3.0)', -1],
    ['math.sqrt(81)', 9],
    ['math.isNaN(0.0 / 0.0) && math.isInf(1.0 / 0.0) && math.isFinite(1.0)', true],
    ['math.bitAnd(6, 3) + math.bitOr(4, 1) + math.bitXor(5, 1)', 11n],
    ['math.bitNot(0u)', { uint: 2n ** 64n - 1n }],
    ['math.bitShiftLeft(1, 64)', 0n],
    ['math.bitShiftRight(-1, 60)', 15n],
    ['math.bitShiftLeft(1, -1)', error('math.bitShiftLeft() negative offset: -1')],
  ]);
});

it('regular expressions', () => {
  expectAll([
    [`'hello'.matches('^h.*o$') && matches('hello', 'll')`, true],
    [`'abc 123'.find('[0-9]+')`, '123'],
    [`'abc'.find('[0-9]+')`, ''],
    [`'123 abc 456'.findAll('[0-9]+')`, ['123', '456']],
    [`'1 2 3'.findAll('[0-9]', 2)`, ['1', '2']],
    [`'1 2 3'.findAll('[0-9]', 0)`, []],
    [`'x'.matches(dyn('a{1001}'))`, error('error parsing regexp: invalid repeat count: `{1001}`')],
    [`'x'.matches(dyn('(?=a)'))`, error('error parsing regexp: invalid or unsupported Perl syntax: `(?=`')],
  ]);
});

it('URLs', () => {
  expectAll([
    [`url('https://u:p@example.com:8080/a%20b/c?x=1&x=2&y').getHost()`, 'example.com:8080'],
    [`url('https://example.com:80/').getHostname()`, 'example.com'],
    [`url('https://[::1]:80/').getHostname()`, '::1'],
    [`url('https://[::1]:80/').getPort()`, '80'],
    [`url('https://example.com/').getPort()`, ''],
    [`url('HTTPS://example.com/').getScheme()`, 'https'],
    [`url('https://example.com/path with spaces/').getEscapedPath()`, '/path%20with%20spaces/'],
    [`url('https://example.com/a%2Fb').getEscapedPath()`, '/a%2Fb'],
    [`url('/absolute').getEscapedPath()`, '/absolute'],
    [
      `url('https://x/?k=a&k=b%20c&z=').getQuery()`,
      new Map([
        ['k', ['a', 'b c']],
        ['z', ['']],
      ]),
    ],
    [
      `isURL('https://a:80/') && isURL('/path') && !isURL('../x') && !isURL('') && !isURL('https://a:b/') && !isURL('mailto:x')`,
      true,
    ],
    [
      `url('https://a/%zz')`,
      error('URL parse error during conversion from string: parse "https://a/%zz": invalid URL escape'),
    ],
    [`url('https://a/') == url('https://a/')`, true],
  ]);
});

it('quantities', () => {
  expectAll([
    [`quantity('1.5Gi').asInteger()`, 1610612736n],
    [`quantity('50k').isInteger() && !quantity('50m').isInteger()`, true],
    [`quantity('50m').asInteger()`, error('cannot convert value to integer')],
    [`quantity('9999999999999999999999999').isInteger()`, false],
    [`quantity('50m').asApproximateFloat()`, 0.05],
    [`quantity('-5').sign() + quantity('0').sign()`, -1n],
    [`quantity('1k') == quantity('1000') && quantity('1Ki') != quantity('1k')`, true],
    [`quantity('200M').compareTo(quantity('0.2G'))`, 0n],
    [`quantity('1').isLessThan(quantity('1001m')) && quantity('2').isGreaterThan(quantity('1'))`, true],
    [`quantity('50k').add(quantity('20k')).add(5).sub(quantity('5')).sub(1).asInteger()`, 69999n],
    [
      `isQuantity('1.3Mi') && !isQuantity('1.3') == false && !isQuantity('x') && !isQuantity('') && !isQuantity('1Gib')`,
      true,
    ],
    [`quantity('1e3').asInteger() + quantity('1E2').asInteger()`, 1100n],
    [`quantity('0.0000000001') == quantity('1n')`, true],
    [`quantity('1e99')`, error('unable to parse quantity "1e99"')],
  ]);
});

it('addresses and ranges', () => {
  expectAll([
    [`ip('127.0.0.1').isLoopback() && ip('::1').isLoopback() && !ip('10.0.0.1').isLoopback()`, true],
    [`ip('::1').family() + ip('1.2.3.4').family()`, 10n],
    [`ip('0.0.0.0').isUnspecified() && ip('::').isUnspecified()`, true],
    [
      `ip('224.0.0.1').isLinkLocalMulticast() && ip('ff02::1').isLinkLocalMulticast() && !ip('224.0.1.1').isLinkLocalMulticast()`,
      true,
    ],
    [`ip('169.254.169.254').isLinkLocalUnicast() && ip('fe80::1').isLinkLocalUnicast()`, true],
    [
      `ip('192.168.0.1').isGlobalUnicast() && ip('2001:db8::1').isGlobalUnicast() && !ip('255.255.255.255').isGlobalUnicast()`,
      true,
    ],
    [
      `isIP('1.2.3.4') && !isIP('1.2.3.256') && !isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0') && !isIP('01.2.3.4')`,
      true,
    ],
    [
      `ip.isCanonical('127.0.0.1') && ip.isCanonical('2001:db8::abcd') && !ip.isCanonical('2001:DB8::ABCD') && !ip.isCanonical('2001:db8:0:0:0:0:0:abcd')`,
      true,
    ],
    [`string(ip('2001:0db8:0:0:1:0:0:1'))`, '2001:db8::1:0:0:1'],
    [`string(ip('1:0:2:3:4:5:6:7'))`, '1:0:2:3:4:5:6:7'],
    [`string(ip('64:ff9b::192.0.2.33'))`, '64:ff9b::c000:221'],
    [`ip('::1') == ip('0:0:0:0:0:0:0:1')`, true],
    [`ip('x')`, error('IP Address "x" parse error during conversion from string: unable to parse IP')],
    [`cidr('192.168.0.0/24').containsIP('192.168.0.1') && !cidr('192.168.0.0/24').containsIP(ip('192.168.1.1'))`, true],
    [
      `cidr('192.168.0.0/24').containsCIDR('192.168.0.0/25') && !cidr('192.168.0.0/24').containsCIDR(cidr('192.168.0.0/23'))`,
      true,
    ],
    [`string(cidr('192.168.1.5/24').masked())`, '192.168.1.0/24'],
    [`cidr('::1/128').prefixLength()`, 128n],
    [`cidr('10.0.0.0/8').ip() == ip('10.0.0.0')`, true],
    [`isCIDR('::/0') && !isCIDR('10.0.0.0/33') && !isCIDR('10.0.0.0') && !isCIDR('10.0.0.0/08')`, true],
    [`type(ip('::1')) == net.IP && type(cidr('::/0')) == net.CIDR`, true],
  ]);
});

describe('formats', () => {
  it('say what is wrong, or nothing', () => {
    expectAll([
      [`format.dns1123Label().validate('my-label').hasValue()`, false],
      [`size(format.dns1123Label().validate('My_label').value())`, 1n],
      [`format.named('dns1123Subdomain').value().validate('a.b').hasValue()`, false],
      [`format.named('nope').hasValue()`, false],
      [`format.dns1123LabelPrefix().validate('name-').hasValue()`, false],
      [`format.uuid().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()`, false],
      [`format.date().validate('2024-02-30').value()`, ['invalid date']],
      [`format.datetime().validate('2024-02-28T00:00:00Z').hasValue()`, false],
      [`format.byte().validate('aGk=').hasValue() || format.uri().validate('https://x/').hasValue()`, false],
      [`format.labelValue().validate('a b').hasValue() && format.qualifiedName().validate('/x').hasValue()`, true],
    ]);
  });
});

it('versions', () => {
  expectAll([
    [`semver('1.2.3').major() + semver('1.2.3').minor() + semver('1.2.3').patch()`, 6n],
    [`semver('1.0.0-alpha.2').isLessThan(semver('1.0.0-alpha.10'))`, true],
    [`semver('1.0.0-rc').isLessThan(semver('1.0.0')) && semver('2.0.0').isGreaterThan(semver('1.9.9'))`, true],
    [`semver('1.2.3').compareTo(semver('1.2.4'))`, -1n],
    [`semver('1.2.3+a') == semver('1.2.3+b')`, true],
    [`isSemver('1.0') || isSemver('v1.0.0') || isSemver('01.0.0') || isSemver('1.0.0-01')`, false],
    [`isSemver('v1.0', true) && isSemver('01.0.0', true)`, true],
    [`semver('x')`, error('invalid semantic version "x"')],
  ]);
});

it('keys of JSON patches', () => {
  expectAll([[`jsonpatch.escapeKey('example.com/a~b')`, 'example.com~1a~0b']]);
});
