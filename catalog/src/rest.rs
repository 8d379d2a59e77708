//! What of the catalog is answered as JSON over HTTP: which rpc answers which path. The fields of the rpc's request stand in
//! the path by their names, the others in the query, or in the body of a POST. What is not listed here is not served.

/// Every route: its method, its path, and its rpc.
pub const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/v1/items", "playhead.catalog.v1.CatalogService/ListItems"),
    ("GET", "/v1/items:batch", "playhead.catalog.v1.CatalogService/BatchGetItems"),
    ("GET", "/v1/items:search", "playhead.catalog.v1.CatalogService/SearchItems"),
    ("GET", "/v1/items/{id}", "playhead.catalog.v1.CatalogService/GetItem"),
    ("GET", "/v1/items/{id}/next", "playhead.catalog.v1.CatalogService/NextItem"),
    ("GET", "/v1/items/{id}/tree", "playhead.catalog.v1.CatalogService/GetTree"),
    ("GET", "/v1/items/{parent_id}/children", "playhead.catalog.v1.CatalogService/ListChildren"),
    ("GET", "/v1/children", "playhead.catalog.v1.CatalogService/ListChildren"),
    ("GET", "/v1/shared/{share_token}", "playhead.catalog.v1.CatalogService/GetItem"),
    (
        "GET",
        "/v1/collections/{collection_id}/items",
        "playhead.catalog.v1.CatalogService/ListCollectionItems",
    ),
    ("GET", "/v1/categories", "playhead.catalog.v1.CatalogService/ListCategories"),
    (
        "GET",
        "/v1/items/{item_id}/assets/{asset_id}/variants/{variant_id}/segments",
        "playhead.catalog.v1.CatalogService/ListSegments",
    ),
    ("GET", "/v1/items/{item_id}/rating-summary", "playhead.catalog.v1.OpinionService/GetRatingSummary"),
    ("GET", "/v1/users/{user_id}/ratings/{item_id}", "playhead.catalog.v1.OpinionService/GetRating"),
    ("GET", "/v1/users/{user_id}/bookmarks", "playhead.catalog.v1.OpinionService/ListBookmarks"),
    ("GET", "/v1/plans", "playhead.entitlement.v1.EntitlementService/ListPlans"),
    (
        "GET",
        "/v1/accounts/{account_id}/subscription",
        "playhead.entitlement.v1.EntitlementService/CheckSubscription",
    ),
    ("GET", "/v1/items/{item_id}/access", "playhead.entitlement.v1.EntitlementService/CheckAccess"),
    (
        "POST",
        "/v1/items/{item_id}/authorize-playback",
        "playhead.entitlement.v1.EntitlementService/AuthorizePlayback",
    ),
    ("GET", "/v1/users/{user_id}/up-next", "playhead.screen.v1.ScreenService/ListUpNext"),
    ("GET", "/v1/users/{user_id}/progress/{item_id}", "playhead.screen.v1.ScreenService/GetProgress"),
];
