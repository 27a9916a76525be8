import { utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { parseXml, type XmlElement } from '../src/index.ts';

/** A document as a tree that tests may change, and write again: default namespaces only, which is all that we write. */
export interface Tree {
  name: string;
  namespace: string;
  attributes: Record<string, string>;
  children: (Tree | string)[];
}

export function treeOf(bytes: Uint8Array): Tree {
  return copied(expectOk(parseXml(bytes)));
}

export function written(tree: Tree): Uint8Array {
  return utf8(`<?xml version="1.0" encoding="utf-8"?>${text(tree, '')}`);
}

/** All elements in document order, with the parent. */
export function elements(tree: Tree, parent?: Tree): { readonly node: Tree; readonly parent: Tree | undefined }[] {
  return [
    { node: tree, parent },
    ...tree.children.flatMap((child) => (typeof child === 'string' ? [] : elements(child, tree))),
  ];
}

/** The element at a path of names; `Wrapping.1` is the second of that name. */
export function at(tree: Tree, path: string): Tree {
  let node = tree;
  for (const step of path.split('/')) {
    const [name, index = '0'] = step.split('.');
    const next = node.children.filter((child): child is Tree => typeof child !== 'string' && child.name === name)[
      Number(index)
    ];
    if (!next) throw new Error(`no ${step} in ${path}`);
    node = next;
  }
  return node;
}

function copied(element: XmlElement): Tree {
  return {
    name: element.local,
    namespace: element.namespace,
    attributes: Object.fromEntries(element.attributes.map((attribute) => [attribute.local, attribute.value])),
    children: element.children.map((child) => (typeof child === 'string' ? child : copied(child))),
  };
}

function text(tree: Tree, outer: string): string {
  const escape = (value: string) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
  const declaration = tree.namespace === outer ? '' : ` xmlns="${tree.namespace}"`;
  const attributes = Object.entries(tree.attributes).map(([name, value]) => ` ${name}="${escape(value)}"`);
  const children = tree.children.map((child) =>
    typeof child === 'string' ? escape(child) : text(child, tree.namespace),
  );
  return `<${tree.name}${declaration}${attributes.join('')}>${children.join('')}</${tree.name}>`;
}
