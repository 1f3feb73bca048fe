/** Formats of strings that are checked; all others say nothing. Every expression here takes time linear in the text. */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { dnsLabelProblems, dnsSubdomainProblems, parseTimestamp } from '@timonel/sdk/kube';

type Format = (text: string) => boolean;

const matches =
  (pattern: RegExp): Format =>
  (text) =>
    pattern.test(text);

function isUri(text: string): boolean {
  return text.startsWith('/') ? URL.canParse(text, 'http://localhost') : URL.canParse(text);
}

function isEmail(text: string): boolean {
  const at = text.lastIndexOf('@');
  return at > 0 && at < text.length - 1 && /^[^\s<>()]+$/.test(text);
}

function isCidr(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  const family = isIP(address);
  return rest.length === 0 && family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}

function isDate(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && parseTimestamp(`${text}T00:00:00Z`) !== undefined && isOfCalendar(text);
}

function isOfCalendar(day: string): boolean {
  const ms = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day);
}

const isDuration = matches(/^[-+]?(?:\d+(?:\.\d*)?(?:ns|us|µs|μs|ms|s|m|h|d|w)){1,64}$/);

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

function digitsOf(text: string): string {
  return text.replaceAll(/[ -]/g, '');
}

/** By Luhn. */
function isCreditCard(text: string): boolean {
  const digits = digitsOf(text);
  if (!/^\d{12,19}$/.test(digits)) return false;
  const sum = Array.from(digits)
    .toReversed()
    .reduce((total, digit, index) => {
      const value = Number(digit) * (index % 2 === 1 ? 2 : 1);
      return total + (value > 9 ? value - 9 : value);
    }, 0);
  return sum % 10 === 0;
}

function isIsbn10(text: string): boolean {
  const digits = digitsOf(text);
  if (!/^\d{9}[\dX]$/.test(digits)) return false;
  const sum = Array.from(digits).reduce(
    (total, digit, index) => total + (digit === 'X' ? 10 : Number(digit)) * (10 - index),
    0,
  );
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = digitsOf(text);
  if (!/^\d{13}$/.test(digits)) return false;
  return (
    Array.from(digits).reduce((total, digit, index) => total + Number(digit) * (index % 2 === 0 ? 1 : 3), 0) % 10 === 0
  );
}

const uuid = (version: string): Format =>
  matches(new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, 'i'));
const channel = '(?:[01]?[0-9]?[0-9]|2[0-4][0-9]|25[0-5])';

const formats: Readonly<Record<string, Format>> = {
  bsonobjectid: matches(/^[0-9a-f]{24}$/i),
  uri: isUri,
  email: isEmail,
  hostname: (text) => text.length <= 253 && dnsSubdomainProblems(text.toLowerCase()).length === 0,
  ipv4: isIPv4,
  ipv6: isIPv6,
  cidr: isCidr,
  mac: matches(/^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}(?:(?:[:-][0-9a-f]{2}){2})?$/i),
  uuid: uuid('[0-9a-f]'),
  uuid3: uuid('3'),
  uuid4: uuid('4'),
  uuid5: uuid('5'),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: matches(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: matches(/^#?(?:[0-9a-f]{3}|[0-9a-f]{6})$/i),
  rgbcolor: matches(new RegExp(`^rgb\\(\\s?${channel}\\s?,\\s?${channel}\\s?,\\s?${channel}\\s?\\)$`)),
  byte: isBase64,
  date: isDate,
  duration: isDuration,
  datetime: (text) => parseTimestamp(text) !== undefined,
  'date-time': (text) => parseTimestamp(text) !== undefined && isOfCalendar(text.slice(0, 10)),
  'k8s-short-name': (text) => dnsLabelProblems(text).length === 0,
  'k8s-long-name': (text) => dnsSubdomainProblems(text).length === 0,
};

/** Whether a text is of a format; a format that is not known says nothing. */
export function isOfFormat(text: string, format: string): boolean {
  return !Object.hasOwn(formats, format) || (formats[format]?.(text) ?? true);
}
