/** Named formats of texts: `format.dns1123Label().validate('x')` answers what is wrong, or nothing. */
import {
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelValueProblems,
  qualifiedNameProblems,
} from '../../kube/names.ts';
import { listType, opaqueType, optionalType, stringType } from '../types/type.ts';
import { CelList } from '../values/list.ts';
import { timestampFrom } from '../values/time.ts';
import { CelOpaque, CelOptional, noOptional, type CelValue } from '../values/value.ts';
import { overload, textCost, type Overload } from './overload.ts';

type Problems = (text: string) => string[];

const formatType = opaqueType('kubernetes.NamedFormat');

class CelFormat extends CelOpaque {
  readonly typeName = formatType.name;
  readonly name: string;
  readonly problems: Problems;
  constructor(name: string, problems: Problems) {
    super();
    this.name = name;
    this.problems = problems;
  }
  override equals(other: CelOpaque): boolean {
    return other instanceof CelFormat && other.name === this.name;
  }
  override text(): string {
    return this.name;
  }
}

/** A prefix that names are generated from may end with a dash. */
const prefix =
  (problems: Problems): Problems =>
  (text) =>
    problems(text.replace(/-$/, 'a'));

const unless =
  (holds: (text: string) => boolean, message: string): Problems =>
  (text) =>
    holds(text) ? [] : [message];

/** An absolute URI, or an absolute path. */
const isUri = (text: string): boolean =>
  /^([a-zA-Z][a-zA-Z0-9+.-]*:\S+|\/\S*)$/.test(text) && !/%(?![0-9a-fA-F]{2})/.test(text);

const isDate = (text: string): boolean =>
  /^\d{4}-\d\d-\d\d$/.test(text) && timestampFrom(`${text}T00:00:00Z`).celKind !== 'error';

const named: Readonly<Record<string, Problems>> = {
  dns1123Label: dnsLabelProblems,
  dns1123Subdomain: dnsSubdomainProblems,
  dns1035Label: dns1035LabelProblems,
  qualifiedName: qualifiedNameProblems,
  dns1123LabelPrefix: prefix(dnsLabelProblems),
  dns1123SubdomainPrefix: prefix(dnsSubdomainProblems),
  dns1035LabelPrefix: prefix(dns1035LabelProblems),
  labelValue: labelValueProblems,
  uri: unless(isUri, 'invalid URI'),
  uuid: unless(
    (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
    'does not match the UUID format',
  ),
  byte: unless((text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text), 'invalid base64'),
  date: unless(isDate, 'invalid date'),
  datetime: unless((text) => timestampFrom(text).celKind !== 'error', 'invalid datetime'),
};

const formats = new Map(Object.entries(named).map(([name, problems]) => [name, new CelFormat(name, problems)]));

/** All but two formats are of short texts. */
const maxLength = 1024 * 1024;

function validate(format: CelFormat, text: string): CelValue {
  const short = format.name === 'byte' || format.name === 'uri' ? maxLength : 1000;
  const problems = text.length > short ? [`must be no more than ${short} characters`] : format.problems(text);
  return problems.length === 0 ? noOptional : new CelOptional(CelList.of(problems));
}

export const formatTypes: readonly string[] = [formatType.name];

export const namedFormats: readonly Overload[] = [
  ...[...formats].map(([name, format]) => overload(`format.${name}`, { gives: formatType, run: () => format })),
  overload('format.named', {
    takes: [stringType],
    gives: optionalType(formatType),
    run: (name: string) => new CelOptional(formats.get(name)),
  }),
  overload('validate', {
    on: formatType,
    takes: [stringType],
    gives: optionalType(listType(stringType)),
    cost: (_, size = 0) => textCost(size),
    run: validate,
  }),
];
