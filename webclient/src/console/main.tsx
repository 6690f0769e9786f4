import "../shared/tokens.css";
import "./font.css";
import "./base.css";
import { render } from "preact";
import { httpApi } from "./api";
import { App } from "./app";
import { localShelf, Settings } from "./settings";

const root = document.getElementById("app");
if (root) {
  const shelf = localShelf();
  const api = httpApi((path, init) => fetch(path, init));
  render(<App api={api} shelf={shelf} settings={new Settings(shelf, navigator.language)} />, root);
}
