/** Limits of Kubernetes (k8s.io/apiserver/pkg/apis/cel/config.go and apiextensions-apiserver/pkg/apiserver/schema/cel) and of cel-go. */

/** One rule may cost so much while it runs: `PerCallLimit`. */
export const perCallCostLimit = 1_000_000;
/** All rules of one request together: `RuntimeCELCostBudget`. */
export const requestCostBudget = 10_000_000;
/** All match conditions of a webhook or policy together: `RuntimeCELCostBudgetMatchConditions`. */
export const matchConditionsCostBudget = 2_500_000;
/** Worst case of one rule of a CustomResourceDefinition: `StaticEstimatedCostLimit`. */
export const estimatedRuleCostLimit = 10_000_000;
/** Worst case of all rules of a CustomResourceDefinition: `StaticEstimatedCRDCostLimit`. */
export const estimatedCrdCostLimit = 100_000_000;
/** Bodies of requests are no longer, so that values without a stated limit have one: `MaxRequestSizeBytes`. */
export const maxRequestBytes: number = 3 * 1024 * 1024;
/** The text of a message expression may be so long: `MaxEvaluatedMessageExpressionSizeBytes`. */
export const maxMessageBytes: number = 5 * 1024;

/** Characters of an expression: `expression_size_codepoint_limit` of cel-go. */
export const maxExpressionLength = 100_000;
/** How deep expressions nest: `max_recursion_depth` of cel-go. */
export const maxDepth = 250;
/** How deep the tree of an expression is; each term of a chain such as `a + b + c` or `a.b.c` lies one deeper than the one before it. */
export const maxTreeDepth = 500;
/** What operations do beyond their cost, in characters and elements: bounds time and memory where costs do not. */
export const maxWork = 50_000_000;
