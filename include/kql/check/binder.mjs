// Microsoft's parser and binder for the Kusto Query Language: which names and types a query may use.

import { createRequire } from "node:module";

// Scripts for web pages: they export nothing but set globals, of which the second needs those of the first.
const require = createRequire(import.meta.url);
require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");
const { Kusto, System } = globalThis;
const { DatabaseSymbol, FunctionSymbol, Symbol, TableSymbol } = Kusto.Language.Symbols;

// What the tables API calls otherwise than Kusto does.
const KUSTO_TYPES = { boolean: "bool", dateTime: "datetime", guid: "string" };
const FAILING = ["Error", "Warning"];

/** Return a column's type as Kusto names it. */
export function kustoType(type) {
  return KUSTO_TYPES[type] ?? type;
}

/** Make a table of columns `{name, type}`. */
export function makeTable(name, columns) {
  const schema = columns.map((column) => `['${column.name}']: ${kustoType(column.type)}`).join(", ");
  return TableSymbol.From(`(${schema})`).WithName(name);
}

/** Make a saved function without parameters. */
export function makeFunction(name, query) {
  return new FunctionSymbol.$ctor16(name, "()", `{\n${query}\n}`, null);
}

/** Make the workspace in which queries are read: its tables and saved functions, and nothing else. */
export function makeWorkspace(members) {
  const database = new DatabaseSymbol.$ctor1("workspace", System.Array.init(members, Symbol), false);
  return Kusto.Language.GlobalState.Default.WithDatabase(database);
}

/**
 * Read a query.
 *
 * @returns What is wrong with it, `{start, code, message}` with the place in the query, and the columns of its result.
 */
export function analyze(query, workspace) {
  const code = Kusto.Language.KustoCode.ParseAndAnalyze(query, workspace);
  const problems = items(code.GetDiagnostics())
    .filter((diagnostic) => FAILING.includes(diagnostic.Severity))
    .map(({ Start, Code, Message }) => ({ start: Start, code: Code, message: Message }));
  const columns = items(code.ResultType?.Columns).map(({ Name, Type }) => ({ name: Name, type: Type.Name }));
  return { problems, columns };
}

function items(list) {
  return Array.from({ length: list?.Count ?? 0 }, (_, index) => list.getItem(index));
}
