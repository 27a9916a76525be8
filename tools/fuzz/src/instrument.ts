import { registerHooks } from 'node:module';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const MOST_BLOCKS = 1 << 18;
const SEEN = '__fuzzSeen';
const NEW = '__fuzzNew';

/** Which blocks of the code under test have run. */
export interface Coverage {
  /** Forgets what has run. */
  reset(this: void): void;
  /** How many blocks have run since then. */
  count(this: void): number;
}

/**
 * From now on, modules in the `src` of a package or an app note which of their blocks run: bodies of functions and
 * loops, branches of conditions and choices. The inspector's coverage would need no rewriting, but cannot forget, so what a
 * target reaches would hang on the targets before it.
 */
export function startCoverage(): Coverage {
  const seen = new Uint8Array(MOST_BLOCKS);
  let blocks = 0;
  let count = 0;
  const noted = (id: number) => {
    seen[id] = 1;
    count++;
  };
  Object.assign(globalThis, { [SEEN]: seen, [NEW]: noted });
  registerHooks({
    load: (url, context, nextLoad) => {
      if (!/\/(?:packages|apps)\/[^/]+\/src\/.*\.ts$/.test(url)) return nextLoad(url, context);
      const file = fileURLToPath(url);
      const nextId = () => Math.min(blocks++, MOST_BLOCKS - 1);
      const source = noteBlocks(readFileSync(file, 'utf8'), nextId, basename(file));
      return { format: 'module', source, shortCircuit: true };
    },
  });
  return {
    reset: () => {
      seen.fill(0);
      count = 0;
    },
    count: () => count,
  };
}

/** TypeScript to JavaScript in which each block says that it runs; stack traces name the lines of `fileName`. */
export function noteBlocks(source: string, nextId: () => number, fileName = 'module.ts'): string {
  const note = () => {
    const id = ts.factory.createNumericLiteral(nextId());
    const seen = ts.factory.createElementAccessExpression(ts.factory.createIdentifier(SEEN), id);
    const call = ts.factory.createCallExpression(ts.factory.createIdentifier(NEW), undefined, [id]);
    return ts.factory.createParenthesizedExpression(ts.factory.createLogicalOr(seen, call));
  };
  const statement = () => ts.factory.createExpressionStatement(note());
  const noted = (body: ts.Statement) =>
    ts.isBlock(body)
      ? ts.factory.updateBlock(body, [statement(), ...body.statements])
      : ts.factory.createBlock([statement(), body]);
  const notedValue = (value: ts.Expression) =>
    ts.factory.createParenthesizedExpression(ts.factory.createComma(note(), value));
  const transformer: ts.TransformerFactory<ts.SourceFile> = (context) => (file) => {
    const visit = (node: ts.Node): ts.Node => {
      const inner = ts.visitEachChild(node, visit, context);
      const parent = node.parent as ts.Node | undefined;
      if (!parent) return inner;
      if (ts.isBlock(node) && (ts.isFunctionLike(parent) || ts.isCatchClause(parent))) return noted(inner as ts.Block);
      if (isBranch(node, parent)) return noted(inner as ts.Statement);
      if (ts.isCaseOrDefaultClause(inner)) return withFirst(inner, statement());
      return isChoice(node, parent) ? notedValue(inner as ts.Expression) : inner;
    };
    return ts.visitEachChild(file, visit, context);
  };
  return ts.transpileModule(source, {
    fileName,
    compilerOptions: {
      target: ts.ScriptTarget.ESNext,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      inlineSourceMap: true,
    },
    transformers: { before: [transformer] },
  }).outputText;
}

function isBranch(node: ts.Node, parent: ts.Node): boolean {
  if (ts.isIfStatement(parent))
    return node === parent.thenStatement || (node === parent.elseStatement && !ts.isIfStatement(node));
  return ts.isIterationStatement(parent, false) && node === parent.statement;
}

/** An expression that runs or does not. */
function isChoice(node: ts.Node, parent: ts.Node): boolean {
  if (ts.isConditionalExpression(parent)) return node === parent.whenTrue || node === parent.whenFalse;
  if (ts.isArrowFunction(parent)) return node === parent.body && !ts.isBlock(node);
  if (!ts.isBinaryExpression(parent) || node !== parent.right) return false;
  const operator = parent.operatorToken.kind;
  return (
    operator === ts.SyntaxKind.AmpersandAmpersandToken ||
    operator === ts.SyntaxKind.BarBarToken ||
    operator === ts.SyntaxKind.QuestionQuestionToken
  );
}

function withFirst(clause: ts.CaseOrDefaultClause, first: ts.Statement): ts.CaseOrDefaultClause {
  const statements = [first, ...clause.statements];
  return ts.isCaseClause(clause)
    ? ts.factory.updateCaseClause(clause, clause.expression, statements)
    : ts.factory.updateDefaultClause(clause, statements);
}
