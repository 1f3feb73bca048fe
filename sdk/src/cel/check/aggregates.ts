/** Types of literals: of single values, lists, maps and messages. */
import type { Ast, Element, ListLiteral, MapLiteral, MessageLiteral } from '../syntax/ast.ts';
import { dynType, listType, mapType, typeName, type CelType } from '../types/type.ts';
import { typeNameOf, type CelValue } from '../values/value.ts';
import type { Checker } from './checker.ts';
import type { Scope } from './scope.ts';

export function literalType(value: CelValue): CelType {
  if (typeof value === 'string') return { kind: 'string', maxLength: value.length };
  if (value instanceof Uint8Array) return { kind: 'bytes', maxLength: value.length };
  const name = typeNameOf(value);
  return name === 'null_type' ? { kind: 'null' } : ({ kind: name } as CelType);
}

/** Others could not be looked up, and would let types grow without bound. */
const keyKinds: ReadonlySet<CelType['kind']> = new Set(['bool', 'int', 'uint', 'string', 'dyn', 'error', 'param']);

function elementOf(checker: Checker, { value, optional }: Element, scope: Scope): readonly [number, CelType] {
  const type = checker.type(value, scope);
  if (!optional || type.kind === 'dyn' || type.kind === 'error') return [value.at, type];
  if (type.kind === 'optional') return [value.at, type.of];
  return [
    value.at,
    checker.fail(value.at, `expected type 'optional_type(${typeName(type)})' but found '${typeName(type)}'`),
  ];
}

function keyOf(checker: Checker, key: Ast, scope: Scope): CelType {
  const type = checker.type(key, scope);
  return keyKinds.has(type.kind) ? type : checker.fail(key.at, `unsupported map key type: ${typeName(type)}`);
}

/** The type of all elements of a literal. */
function joined<T>(
  checker: Checker,
  elements: readonly T[],
  typeOf: (element: T) => readonly [number, CelType],
): CelType {
  let common: CelType | undefined;
  for (const element of elements) {
    const [at, type] = typeOf(element);
    if (common === undefined) common = type;
    else if (checker.assign(common, type)) common = checker.substitution.general(common, type);
    else if (checker.mixed) common = dynType;
    else checker.fail(at, `expected type '${typeName(common)}' but found '${typeName(type)}'`);
  }
  return common ?? checker.param();
}

export function checkList(checker: Checker, { elements }: ListLiteral, scope: Scope): CelType {
  return listType(joined(checker, elements, (element) => elementOf(checker, element, scope)));
}

export function checkMap(checker: Checker, { entries }: MapLiteral, scope: Scope): CelType {
  return mapType(
    joined(checker, entries, ({ key }) => [key.at, keyOf(checker, key, scope)]),
    joined(checker, entries, (entry) => elementOf(checker, entry, scope)),
  );
}

export function checkMessage(checker: Checker, node: MessageLiteral, scope: Scope): CelType {
  const type = checker.environment.types?.(node.type);
  if (type === undefined) return checker.undeclared(node, node.type);
  if (type.kind !== 'object') return checker.fail(node.at, `'${node.type}' is not a message type`);
  checker.messages.set(node, type);
  for (const field of node.fields) {
    const [, found] = elementOf(checker, field, scope);
    const declared = type.fields === undefined ? dynType : type.fields.get(field.name)?.type;
    if (declared === undefined) checker.fail(field.at, `undefined field '${field.name}'`);
    else if (!checker.assign(found, declared))
      checker.fail(
        field.at,
        `expected type of field '${field.name}' is '${typeName(declared)}' but provided type is '${typeName(found)}'`,
      );
  }
  return type;
}
