/** Style sheets as text, for the widget's shadow root. */
declare module "*.css?text" {
  const text: string;
  export default text;
}
