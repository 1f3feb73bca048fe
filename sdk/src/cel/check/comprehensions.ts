/** Types of macros that go through lists and maps. */
import type { Comprehension } from '../syntax/ast.ts';
import { boolType, dynType, intType, listType, mapType, typeName, type CelType } from '../types/type.ts';
import type { Checker } from './checker.ts';
import type { Scope } from './scope.ts';

/** Types of what is gone through: index or key, and value. */
function itemTypes(checker: Checker, node: Comprehension, range: CelType): readonly [CelType, CelType] {
  switch (range.kind) {
    case 'list':
      return [intType, range.element];
    case 'map':
      return [range.key, range.value];
    case 'param':
      checker.substitution.assign(dynType, range);
      return [dynType, dynType];
    case 'dyn':
    case 'error':
      return [dynType, dynType];
    default:
      checker.fail(
        node.range.at,
        `expression of type '${typeName(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
      );
      return [dynType, dynType];
  }
}

/** The operator that a macro becomes in cel-go, which refuses what is no bool. */
function requireBool(checker: Checker, node: Comprehension, type: CelType): void {
  if (checker.substitution.assign(type, boolType)) return;
  const { fold } = node;
  if (fold === 'all') checker.noOverload(node.at, '_&&_', undefined, [boolType, type]);
  else if (fold === 'exists') checker.noOverload(node.at, '_||_', undefined, [boolType, type]);
  else
    checker.noOverload(node.at, '_?_:_', undefined, [
      type,
      resultType(fold, dynType, dynType),
      resultType(fold, dynType, dynType),
    ]);
}

function resultType(fold: Comprehension['fold'], key: CelType, value: CelType): CelType {
  switch (fold) {
    case 'all':
    case 'exists':
      return boolType;
    case 'exists_one':
      return intType;
    case 'transformMap':
    case 'transformMapEntry':
      return mapType(key, value);
    default:
      return listType(value);
  }
}

export function checkComprehension(checker: Checker, node: Comprehension, scope: Scope): CelType {
  const range = checker.type(node.range, scope);
  const [key, value] = itemTypes(checker, node, range);
  // With one variable, maps are gone through by their keys.
  const first = node.second === undefined && range.kind !== 'map' ? value : key;
  const inner = scope.with(node.variable, first);
  const both = node.second === undefined ? inner : inner.with(node.second, value);
  if (node.condition !== undefined) requireBool(checker, node, checker.type(node.condition, both));
  const transformed = node.transform === undefined ? first : checker.type(node.transform, both);
  if (node.fold === 'exists_one') return boolType;
  if (node.fold !== 'transformMapEntry') return resultType(node.fold, key, transformed);
  if (['map', 'dyn', 'error'].includes(transformed.kind)) return transformed;
  return checker.fail(node.at, `expected type 'map' but found '${typeName(transformed)}'`);
}
