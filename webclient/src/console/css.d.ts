/** Style sheets are bundled into the page's own sheet. */
declare module "*.css";
