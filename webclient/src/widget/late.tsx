// Parts of the page that are loaded when they are first shown: what not everybody needs does not slow everybody.

import { Component, type FunctionComponent } from "preact";
import { Fragment, jsx, jsxs } from "preact/jsx-runtime";
import { Icon, Svg } from "./icons";

/** What the parts borrow; see own/lent.ts. */
export interface Kit {
  jsx: typeof jsx;
  jsxs: typeof jsxs;
  Fragment: typeof Fragment;
  Icon: typeof Icon;
  Svg: typeof Svg;
  Late: typeof Late;
  dress: typeof dress;
}

/** The module of a part. */
export interface Part<P> {
  default(kit: Kit): FunctionComponent<P>;
}

const RETRY_MS = 2000;

interface Props<P> {
  part(): Promise<Part<P>>;
  with: P;
}

export class Late<P> extends Component<Props<P>, { View?: FunctionComponent<P> }> {
  #gone = false;

  override componentDidMount(): void {
    this.props.part().then(
      (part) => this.setState({ View: part.default(kit) }),
      () => setTimeout(() => this.#gone || this.componentDidMount(), RETRY_MS),
    );
  }

  override componentWillUnmount(): void {
    this.#gone = true;
  }

  override render() {
    const { View } = this.state;
    return View ? <View {...(this.props.with as P & object)} /> : null;
  }
}

/** Gives the shadow root in which an element is a style sheet, once. The result is a ref. */
export function dress(css: string): (e: Element | null) => void {
  let sheet: CSSStyleSheet | undefined;
  return (e) => {
    if (!e || sheet) return;
    sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    (e.getRootNode() as ShadowRoot).adoptedStyleSheets.push(sheet);
  };
}

export const kit: Kit = { jsx, jsxs, Fragment, Icon, Svg, Late, dress };
