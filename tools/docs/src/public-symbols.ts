import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './readmes.ts';

/** Whose public symbols are all documented. */
export const PACKAGES = ['codec', 'crypto-core', 'tpm2', 'tpm2-device', 'quote-verifier'] as const;

/** Where structures and constants have a place in a specification, and their comments name it. */
const STANDARD: Readonly<Record<string, RegExp>> = { tpm2: /^TPM/ };
const SECTION =
  /\bPart [1-4],? \d|\bPart [1-4], annex|\bRFC \d+|\bsections? [\d.]+|\bannex [A-Z]|\btable \d+|EK Credential Profile|Provisioning Guidance/i;

/** The sources behind the entries of a package's `exports`. */
export function entriesOf(folder: string): readonly string[] {
  const manifest = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  };
  return Object.values(manifest.exports).flatMap((entry) => {
    const source = typeof entry === 'string' ? undefined : entry['@sekimori/source'];
    return source ? [join(ROOT, folder, source)] : [];
  });
}

/**
 * What the comments of a package's public symbols lack, a line each, in order: a comment, a section of the standard where the
 * symbol is one of the standard's, a fault code that a function returns. A comment may leave codes to the types and functions it names.
 */
export function shortcomings(
  packages: readonly { readonly name: string; readonly entries: readonly string[] }[],
): readonly string[] {
  const program = ts.createProgram(
    packages.flatMap(({ entries }) => entries),
    {
      target: ts.ScriptTarget.ES2024,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      customConditions: ['@sekimori/source'],
      allowImportingTsExtensions: true,
      noEmit: true,
      strict: true,
      skipLibCheck: true,
      types: ['node'],
    },
  );
  const checker = program.getTypeChecker();
  return packages.flatMap(({ name, entries }) => {
    const symbols = new Map(entries.flatMap((entry) => exportsOf(checker, program.getSourceFile(entry))));
    const reader = new CommentReader(checker, symbols);
    const lines = [...symbols].flatMap(([path, symbol]) =>
      reader.lacks(path, symbol, STANDARD[name]?.test(path) ?? false).map((what) => `${name}: ${path}: ${what}`),
    );
    return lines.toSorted();
  });
}

function exportsOf(
  checker: ts.TypeChecker,
  file: ts.SourceFile | undefined,
  prefix = '',
): readonly (readonly [string, ts.Symbol])[] {
  const module = file && checker.getSymbolAtLocation(file);
  if (!module) throw new Error(`${file?.fileName ?? 'an entry'} is no module`);
  return checker.getExportsOfModule(module).flatMap((exported) => {
    const path = `${prefix}${exported.name}`;
    const symbol = resolved(checker, exported);
    const namespace = symbol.declarations?.find((declaration) => ts.isSourceFile(declaration));
    return namespace ? exportsOf(checker, namespace, `${path}.`) : [[path, symbol] as const];
  });
}

class CommentReader {
  readonly #checker: ts.TypeChecker;
  readonly #symbols: ReadonlyMap<string, ts.Symbol>;

  constructor(checker: ts.TypeChecker, symbols: ReadonlyMap<string, ts.Symbol>) {
    this.#checker = checker;
    this.#symbols = symbols;
  }

  lacks(path: string, symbol: ts.Symbol, isOfStandard: boolean): readonly string[] {
    const comment = this.#comment(symbol);
    const functions = [...this.#functions(path, symbol)];
    return [
      ...(comment === '' ? ['no comment'] : []),
      ...(comment !== '' && isOfStandard && !SECTION.test(comment) ? ['no section'] : []),
      ...functions.flatMap(([name, declaration, own]) => {
        const text = own ? this.#comment(own) : comment;
        const known = this.#withNamed(text, declaration);
        const codes = this.#faultCodes(declaration).filter((code) => !namesCode(known, code));
        const where = name === path ? '' : ` of ${name}`;
        return codes.length > 0 ? [`no word on ${codes.join(', ')}${where}`] : [];
      }),
    ];
  }

  /** Its own, or for a type derived from something else (`Infer<typeof X>`, `keyof X`) that one's. */
  #comment(symbol: ts.Symbol, depth = 3): string {
    const own = ts.displayPartsToString(symbol.getDocumentationComment(this.#checker)).trim();
    if (own !== '' || depth === 0) return own;
    const derived = symbol.declarations?.find((declaration) => ts.isTypeAliasDeclaration(declaration));
    const source = derived && !derived.typeParameters ? sourceOf(derived.type) : undefined;
    const origin = source && this.#checker.getSymbolAtLocation(source);
    return origin ? this.#comment(resolved(this.#checker, origin), depth - 1) : '';
  }

  /** The function itself, or the public methods of a class or an interface, with their symbols. */
  *#functions(
    path: string,
    symbol: ts.Symbol,
  ): Generator<readonly [string, ts.SignatureDeclaration, (ts.Symbol | undefined)?]> {
    for (const declaration of symbol.declarations ?? []) {
      if (ts.isFunctionDeclaration(declaration)) yield [path, declaration];
      if (
        ts.isVariableDeclaration(declaration) &&
        declaration.initializer &&
        ts.isArrowFunction(declaration.initializer)
      )
        yield [path, declaration.initializer];
      if (!ts.isClassDeclaration(declaration) && !ts.isInterfaceDeclaration(declaration)) continue;
      for (const member of declaration.members) {
        if (!member.name || ts.isPrivateIdentifier(member.name)) continue;
        const signature = ts.isPropertySignature(member) ? member.type : member;
        if (!signature || !isSignature(signature)) continue;
        yield [`${path}.${member.name.getText()}`, signature, this.#checker.getSymbolAtLocation(member.name)];
      }
    }
  }

  /** The codes of the fault in the Result it returns, also as a promise; none where they are any text. */
  #faultCodes(declaration: ts.SignatureDeclaration): readonly string[] {
    const signature = this.#checker.getSignatureFromDeclaration(declaration);
    if (!signature) return [];
    const returned = signature.getReturnType();
    const outcome = this.#checker.getAwaitedType(returned) ?? returned;
    const parts = outcome.isUnion() ? outcome.types : [outcome];
    return parts.flatMap((part) => {
      const fault = part.getProperty('fault');
      const code = fault && part.getProperty('ok') && this.#checker.getTypeOfSymbol(fault).getProperty('code');
      if (!code) return [];
      const type = this.#checker.getTypeOfSymbol(code);
      return (type.isUnion() ? type.types : [type]).flatMap((each) => (each.isStringLiteral() ? [each.value] : []));
    });
  }

  /** With the comments of the types in its return type, and of the public symbols it names in backticks. */
  #withNamed(comment: string, declaration: ts.SignatureDeclaration): string {
    const named = [...comment.matchAll(/`([\w.]+)`/g)].flatMap(([, name = '']) => this.#symbols.get(name) ?? []);
    const types = declaration.type ? this.#typesIn(declaration.type, 3) : [];
    return [comment, ...[...named, ...types].map((symbol) => this.#comment(symbol))].join('\n');
  }

  #typesIn(node: ts.Node, depth: number): readonly ts.Symbol[] {
    const symbols: ts.Symbol[] = [];
    const visit = (inner: ts.Node): void => {
      if (ts.isTypeReferenceNode(inner)) {
        const found = this.#checker.getSymbolAtLocation(inner.typeName);
        const symbol = found && resolved(this.#checker, found);
        const alias = symbol?.declarations?.find((each) => ts.isTypeAliasDeclaration(each));
        if (symbol) symbols.push(symbol);
        if (alias && depth > 0) symbols.push(...this.#typesIn(alias.type, depth - 1));
      }
      ts.forEachChild(inner, visit);
    };
    visit(node);
    return symbols;
  }
}

function isSignature(node: ts.Node): node is ts.MethodDeclaration | ts.MethodSignature | ts.FunctionTypeNode {
  return ts.isMethodDeclaration(node) || ts.isMethodSignature(node) || ts.isFunctionTypeNode(node);
}

/** X of `Infer<typeof X>`, `keyof typeof X`, `keyof X` and `(typeof X)[…]`. */
function sourceOf(type: ts.TypeNode): ts.EntityName | undefined {
  if (ts.isParenthesizedTypeNode(type) || ts.isTypeOperatorNode(type)) return sourceOf(type.type);
  if (ts.isIndexedAccessTypeNode(type)) return sourceOf(type.objectType);
  if (ts.isTypeQueryNode(type)) return leftmost(type.exprName);
  if (!ts.isTypeReferenceNode(type)) return undefined;
  const [first] = type.typeArguments ?? [];
  return first ? sourceOf(first) : leftmost(type.typeName);
}

function leftmost(name: ts.EntityName): ts.EntityName {
  return ts.isIdentifier(name) ? name : leftmost(name.left);
}

function resolved(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function namesCode(text: string, code: string): boolean {
  return new RegExp(`(?<![\\w-])${code}(?![\\w-])`).test(text);
}
