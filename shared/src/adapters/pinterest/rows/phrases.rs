//! Groups of phrases that stand for one thing: a noun, a verb, a verdict. `*` ends the beginning of a word.
//!
//! Keep them to what Pinterest may say: a text of ours that has no other words than these is recognised only where it
//! is set off, see `words/own.rs`.

use crate::adapters::pinterest::marks::{ADDRESS, CUT};

/// Phrases of which one is enough.
pub type Any = &'static [&'static str];

pub const NOT: Any = &[
    "not", "no", "never", "unable", "fail*", "error*", "problem*", "trouble", "impossible", "timed out", "time out",
    "timeout*", "too long", "issue", "issues",
];

// What is fetched, how, and from whom.
pub const MEDIA: Any = &[
    "image_url", "media_source",
    "image", "images", "image's", "img", "picture*", "photo*", "media", "video*", "thumbnail*", "cover", "asset*",
    "file", "files",
];
pub const PLACE: Any = &[
    "url*", "uri*", "link*", "address*", "source", "site", "site's", "website*", "page", "server*", "host", "domain*",
    "content", ADDRESS, CUT,
];
pub const FETCH: Any = &[
    "fetch*", "download*", "retriev*", "crawl*", "scrap*", "pull", "pulling", "grab*", "import", "importing",
];
/// These are said of other things too, so the thing must be named.
pub const GET: Any = &[
    "get", "getting", "load*", "reach*", "access*", "open", "opening", "obtain*", "connect*", "find", "found",
    "locate*", "resolve*", "upload*", "see", "view",
];
pub const NOT_THERE: Any = &[
    "unreachable", "inaccessible", "unavailable", "not available", "no longer available", "not accessible",
    "not reachable", "not exist", "not respond*", "not answer*", "not load*", "timed out", "time out", "timeout*",
    "took too long", "taking too long", "returned", "redirect*", "certificate", "ssl", "dns", "http status",
    "status code",
];
pub const REACH: Any = &["reach*", "connect*", "load*", "open", "opening", "access*", "resolve*"];
/// Who hands an image over, or refuses to.
pub const HOST: Any = &["host*", "server*", "origin", "cdn", "site", "site's", "website*", "domain*", "source"];
/// Certainly one that isn't Pinterest's.
pub const OTHER_SERVER: Any = &[
    "host*", "origin", "cdn", "remote server", "image server", "photo server",
];
/// What such a server does.
pub const HOST_ANSWERS: Any = &[
    "respond*", "return*", "refus*", "reject*", "denied", "denies", "blocked our", "blocked us",
    "blocked the request", "blocked pinterest", "blocking our", "blocking us", "blocking pinterest", "blocks our",
    "blocks us", "blocks pinterest", "token*", "internal error", "internal server error", "overloaded", "busy",
    "unavailable", "closed the connection", "we were blocked", "we are blocked",
];
/// What it says: the same as Pinterest says of tokens and rates.
pub const HOST_SAYS: Any = &[
    "authenticat*", "unauthorized", "unauthorised", "forbidden", "denied", "password*", "log in", "login",
    "credential*", "rate limit*", "rate limiting", "too many request*", "throttl*", "401", "403", "404", "410", "429",
    "500", "502", "503", "504",
];
/// It may work in some minutes.
pub const LATER: Any = &[
    "again later", "again in", "again soon", "again shortly", "few minutes", "some minutes", "a moment", "the moment",
    "right now", "this time", "temporar*", "please retry", "retry later", "for now", "currently",
];

// What is blocked, and why.
pub const BLOCKED: Any = &[
    "block", "blocked", "blocks", "blocking", "banned", "ban", "blacklist*", "blocklist*", "block list*",
];
pub const TEXT: Any = &[
    "description", "description's", "descriptions", "title", "titles", "caption*", "comment*", "text", "note",
    "hashtag*", "keyword*", "search term*",
];
/// What a text consists of.
pub const WORDING: Any = &[
    "word", "words", "wording", "phrase", "phrases", "term", "language", "keyword*", "hashtag*", "search term*",
];
pub const LINK: Any = &[
    "link", "links", "link's", "linked", "url", "urls", "site", "sites", "website*", "domain*", "destination*",
    "web page", "webpage*", "landing page*", "merchant*", "blog", "your shop", "your store",
    "this source", "this page", "that page", ADDRESS,
];
/// A link or a site is what is blocked.
pub const LINK_IS_BLOCKED: Any = &[
    "link* _ blocked", "link* _ been blocked", "url* _ blocked", "url* _ been blocked", "site _ blocked",
    "site _ been blocked", "website* _ blocked", "website* _ been blocked", "domain* _ blocked",
    "domain* _ been blocked", "link* _ banned", "link* _ been banned", "url* _ banned", "url* _ been banned",
    "site _ banned", "site _ been banned", "website* _ banned", "website* _ been banned", "domain* _ banned",
    "domain* _ been banned", "link* _ suspended", "link* _ been suspended", "url* _ suspended",
    "url* _ been suspended", "site _ suspended", "site _ been suspended", "website* _ suspended",
    "website* _ been suspended", "domain* _ suspended", "domain* _ been suspended", "link* _ restricted",
    "link* _ been restricted", "url* _ restricted", "url* _ been restricted", "site _ restricted",
    "site _ been restricted", "website* _ restricted", "website* _ been restricted", "domain* _ restricted",
    "domain* _ been restricted", "blocked its link*", "blocked its url*", "blocked its site", "blocked its website*",
    "blocked its domain*",
];
/// A site by the account that it belongs to. "Linked to your account is blocked" is said of the site.
pub const ACCOUNTS_SITE: Any = &[
    "website* linked to your account", "site linked to your account", "domain* linked to your account",
    "domain* in your account's", "website* in your account's", "links in your account's",
];
/// The account is kept from saving what [`A_SITE`] names, and from nothing else.
pub const KEPT_FROM_LINKING: Any = &[
    "from saving links to", "from saving links from", "from saving pins from", "from saving pins that link to",
    "from creating pins from", "from creating pins that link to",
];
pub const CAN_NOT_LINK: Any = &[
    "can not save links from", "can not save links to", "can not save pins from", "can not save pins that link to",
];
pub const A_SITE: Any = &[
    "this site", "this website", "this domain", "this url", "your site", "your website", "your domain", "the site",
    "the website", "the domain", ADDRESS,
];
/// What is done to either of them.
pub const RESTRAINED: Any = &["blocked", "banned", "suspended", "restricted", "prevented", "stopped", "spam*"];
/// Where an image lies. Another link of the pin changes nothing.
pub const IMAGE_URL: Any = &[
    "image url*", "image's url*", "image link*", "image's link*", "image_url*", "media_source*", "cover_image_url*",
    "media url*", "picture url*", "picture's url*", "picture's link*", "photo url*", "photo's url*", "photo's link*",
    "url of the image", "url of your image", "url of this image", "link of the image", "link of your image",
    "link to the image", "link to your image", "image's site", "image's website", "image's domain", "image is from",
    "image comes from", "image from", "images from", "picture from", "photo from",
];
/// Links, as a text may have some.
pub const LINKS: Any = &["link", "links", "url", "urls", "web address*", "website*", "hyperlink*"];
pub const DANGEROUS: Any = &[
    "spam*", "malicious", "malware", "phishing", "scam*", "unsafe", "not safe", "not be safe", "not secure", "harmful",
    "harm", "harms", "suspicious", "inappropriate", "dangerous", "offensive", "abusive", "explicit", "profan*",
    "hateful", "hate", "nudity", "porn*", "sexual*", "violent",
];
pub const VIOLATES: Any = &[
    "violat*", "against our", "against pinterest's", "not follow our", "guideline*", "policy", "policies",
    "terms of", "our rules",
];
/// What a Pin shows.
pub const CONTENT: Any = &[
    "nudity", "nude", "misinformation", "adult content", "sexual*", "violen*", "gore", "hateful", "weapon*", "drug*",
    "tobacco", "alcohol", "gambling", "self harm", "medical*", "counterfeit*",
];
pub const NOT_ALLOWED: Any = &[
    "not allow*", "not permit*", "not accept*", "disallow*", "prohibit*", "forbid*", "banned", "not appropriate",
];
pub const ONE_PIN: Any = &[
    "image", "images", "picture*", "photo*", "media", "video*", "this pin", "your pin", "the pin", "that pin",
    "this content", "your content", "this idea",
];
/// What was saved, without its name.
pub const IT: Any = &[
    "because it", "it goes", "it does not", "it violat*", "it may violat*", "it might violat*", "this goes",
    "this does not", "this violat*", "this may violat*", "this might violat*",
];
/// What to do with one link, text or image.
pub const CHANGE_IT: Any = &["different", "another", "other", "change", "edit", "rewrite", "replace"];
// What a block names, so that it isn't one of the account. "Title" alone may be the name of a field, behind which a
// text of ours is repeated.
pub const THIS_TEXT: Any = &[
    "this description", "this title", "this comment", "this caption", "this text", "this alt", "your description",
    "your title", "your comment", "your caption", "your text", "your alt", "the description", "the title",
    "the comment", "the caption", "the text", "the alt", "that text", "that description", "that title",
];
pub const THIS_LINK: Any = &[
    "this link", "this url", "this site", "this website", "this domain", "your link", "your url", "your site",
    "your website", "your domain", "the link", "the url", "the site", "the website", "the domain", "that link",
    "that url", "that site",
];
pub const THIS_PIN: Any = &[
    "this image", "this photo", "this picture", "this video", "this pin", "your image", "your photo", "your picture",
    "your video", "your pin", "the image", "the photo", "the picture", "the video", "the pin", "that pin",
    "that image",
];

// The account.
pub const ACCOUNT: Any = &[
    "account", "account's", "accounts", "your profile", "you have been", "you've been", "you are temporarily",
    "you're temporarily", "you are currently", "you're currently", "you are blocked", "you're blocked",
    "you are banned", "you're banned", "blocked you", "stopped you", "prevented you", "your access",
    "your ability", "privileges",
];
/// The account itself is what something is done to.
pub const ACCOUNT_IS: Any = &[
    "account is", "account was", "account has been", "account have been", "account has _ been", "account _ is",
    "account _ was", "account _ has been", "account and", "and account", "accounts are", "accounts were",
    "accounts have been", "account blocked", "account banned", "account suspended", "account restricted",
    "blocked account", "is your account", "blocked your account", "banned your account", "suspended your account",
    "restricted your account", "limited your account", "disabled your account", "locked your account",
];
pub const YOU_ARE: Any = &[
    "you are", "you're", "you have", "you've", "blocked you", "stopped you", "prevented you", "your profile",
    "your ability", "your access", "privileges",
];
/// What is done to an account, beside blocking it.
pub const RESTRICTED: Any = &[
    "suspend*", "deactivat*", "disabled", "restrict*", "limited", "locked", "frozen", "prevented", "stopped", "spam*",
    "suspicious", "unusual", "paused", "on hold", "closed", "terminated", "under review",
];
/// Of another account than ours: whose image, domain or board it is.
pub const ANOTHERS: Any = &[
    "belongs to", "domain's", "site's", "website's", "copyright", "owner*", "creator's", "another account*",
    "someone else*",
];
/// What an account does.
pub const BEHAVIOUR: Any = &["behavio*", "activity", "activities", "how often"];

// Boards and what else has an owner.
pub const BOARD: Any = &["board", "boards", "board's"];
pub const SECTION: Any = &["section", "sections"];
/// One of them. (Boards in general may stand in a sentence about the account.)
pub const ONE_OBJECT: Any = &[
    "board", "board's", "section", "section's", "this pin", "that pin", "the pin", "pin's", "object", "resource",
    "user's boards",
];
pub const OBJECT: Any = &[
    "board", "boards", "board's", "section", "sections", "section's", "pin", "pin's", "object", "objects", "resource",
    "resources",
];
pub const NOT_FOUND: Any = &[
    "not found", "not be found", "not find", "not exist*", "no such", "no longer exist*", "deleted", "not locate*",
];
pub const DENIED: Any = &[
    "not authorized", "not authorised", "unauthorized", "unauthorised", "not permitted", "not allowed", "not allow",
    "forbidden", "no access", "not have access", "denied", "not own", "not the owner", "access revoked",
    "not visible", "not shared", "read only",
];
/// Whose it is, and who may save there.
pub const NOT_YOURS: Any = &[
    "collaborator*", "not collaborate*", "not a member", "not members", "members only", "only members",
    "only the owner", "only owners", "only its owner", "only lets", "only allows", "not yours", "belongs to",
    "not belong*", "owned by", "someone else*", "somebody else*", "another user*", "another account*", "other user*",
    "other people*", "invitation", "not invited", "not joined", "removed from", "private", "secret", "only _ members",
    "only _ collaborators", "invited",
];
/// What one may not do there.
pub const MAY_NOT: Any = &[
    "can not save", "can not be saved", "can not pin", "can not create", "can not add", "can not be added",
    "can not write", "can not post", "can not publish", "can not access", "can not see", "can not view",
    "can not edit", "can not change", "may not save", "may not be saved", "may not pin", "may not create",
    "may not add", "may not write", "may not post", "may not access", "may not see", "may not view", "may not edit",
    "may not change",
];
/// One place, without its name.
pub const HERE: Any = &[
    "save here", "pin here", "post here", "members can save", "members can pin", "only members", "members only",
    "collaborative space", "this space", "shared space", "save _ here", "pins here",
];
/// A field of a board, or of a text, is wrong: no question of access, and no block.
pub const VALIDATION: Any = &[
    "name", "names", "privacy", "parameter*", "value", "field", "must be", "character*", "too long", "too short",
    "longer than", "length", "empty", "blank",
];

// The connection and the app.
pub const TOKEN: Any = &["token", "tokens", "access token", "credential*"];
/// Of what a token may be one that is no credential.
pub const NO_CREDENTIAL: Any = &["unexpected token", "color*", "colour*", "dominant_color", "json", "at position", "at line", "syntax*"];
/// Only a connection mends what names one of these.
pub const CONNECTION: Any = &[
    "token*", "credential*", "scope*", "log in", "logged in", "login", "sign in", "signed in", "session*",
    "reconnect*",
];
pub const APP: Any = &["app", "app's", "apps", "application*"];
pub const FEATURE: Any = &["feature", "features", "endpoint*", "beta"];
pub const NOT_FOR_APPS: Any = &[
    "not authorized", "not authorised", "unauthorized", "unauthorised", "not permitted", "not allowed",
    "not available", "not enabled", "not approved", "not eligible", "not have access", "no access",
    "not have permission*", "no permission*", "lacks permission*", "forbidden", "denied", "disabled", "suspended",
    "restricted", "may not", "can not use", "can not access", "can not call", "can not create", "can not write",
    "only available", "whitelist*", "allowlist*", "in beta", "pending", "under review", "been revoked",
];

// The rate.
pub const RATE: Any = &[
    "rate limit*", "ratelimit*", "rate limiting", "too many request*", "too many call*", "too many api*",
    "too many write*", "too fast", "too quickly", "too often", "too frequent*", "too rapid*", "slow down", "throttl*",
    "request limit*", "request quota", "api limit*", "quota exceeded", "exceeded your quota", "requests per",
    "doing that too much", "slow it down", "take a break", "out of requests", "quota is exhausted", "hourly limit",
    "daily limit", "too many actions", "too many saves", "too many posts", "please wait before",
];
pub const LIMIT: Any = &["maximum", "limit", "limits", "max", "quota", "cap", "allowance", "number of"];
pub const REACHED: Any = &["reach*", "exceed*", "hit", "over", "used up", "used all"];
/// A limit of one thing.
pub const SIZE: Any = &[
    "size", "sizes", "mb", "kb", "megabyte*", "kilobyte*", "bytes", "pixel*", "px", "dimension*", "resolution",
    "width", "height", "duration", "length", "aspect",
];
/// Whereof there is a limit in time.
pub const COUNTED: Any = &[
    "pins", "saves", "posts", "request*", "calls", "writes", "today", "daily", "day", "hour*", "hourly", "per minute",
];

/// That something wasn't done: actively, passively, and as what somebody couldn't do. Each verb with its participle.
/// Pinterest says so also of what it has done after all.
macro_rules! not_done {
    ($($verb:literal $done:literal,)*) => { &[$(
        concat!("could not ", $verb), concat!("could not successfully ", $verb), concat!("did not ", $verb),
        concat!("not able to ", $verb), concat!("unable to ", $verb), concat!("fail* to ", $verb),
        concat!($verb, " fail*"), concat!("could not be ", $done), concat!("not be successfully ", $done),
        concat!("not ", $done), concat!("not yet ", $done), concat!("not successfully ", $done),
        concat!("not been ", $done), concat!("not able to be ", $done), concat!("unable to be ", $done),
        concat!("fail* to be ", $done),
    )*] };
}
/// That something can't be done.
macro_rules! can_not {
    ($($verb:literal $done:literal,)*) => { &[$(concat!("can not ", $verb), concat!("can not be ", $done),)*] };
}
pub const NOT_SAVED: Any = not_done! {
    "save" "saved", "create" "created", "publish" "published", "post" "posted", "pin" "pinned", "upload" "uploaded",
    "complete" "completed", "finish" "finished", "submit" "submitted", "add" "added",
};
/// Of images this is said where they are at fault.
pub const NOT_PROCESSED: Any = not_done! {
    "process" "processed", "handle" "handled", "execute" "executed", "perform" "performed", "fulfill" "fulfilled",
};
pub const CAN_NOT_SAVE: Any = can_not! {
    "save" "saved", "create" "created", "publish" "published", "post" "posted", "pin" "pinned", "upload" "uploaded",
    "complete" "completed", "finish" "finished", "submit" "submitted", "add" "added", "process" "processed",
    "handle" "handled", "execute" "executed", "perform" "performed", "fulfill" "fulfilled",
};
pub const REQUEST_FAILED: Any = &[
    "request failed", "request has failed", "operation failed", "operation has failed", "pin failed", "not succeed",
    "not successful", "not go through", "not work", "aborted", "interrupted",
];
/// Who is told that something isn't for them. "We can't save Pins" is said of Pinterest itself.
pub const NOT_FOR_YOU: Any = &["you can not", "users can not", "apps can not"];
/// Why something wasn't done, beside what has a group of its own.
pub const A_REASON: Any = &[
    "must be", "must not", "should not", "may not", "character*", "empty", "blank", "field", "fields", "parameter*",
    "value", "name", "names", "not found", "not be found", "not exist*", "no longer exist*", "deleted", "archived",
    "is full", "forbidden", "denied", "permission*", "permit*", "not authori*", "unauthori*", "authenticat*",
    "authori*", "scope*", "trial", "too many", "missing", "required", "limit*", "maximum", "quota", "invalid",
    "not valid", "a valid", "malformed", "unsupported", "not support*", "format*", "corrupt*", "broken", "damaged",
    "unreadable", "too large", "too small", "too big", "larger than", "smaller than", "unreachable", "inaccessible",
    "not accessible", "not load*", "not get", "not access", "not open", "not reach*", "not read", "nudity",
    "misinformation", "copyright*", "trademark*", "only members", "members only", "only _ members",
    "only collaborators", "only the owner", "not a member", "not yours", "belongs to", "owned by", "not invited",
    "not joined", "someone else*", "another user*", "validat*",
];
/// Fields beside texts and links, and what a request consists of.
pub const NAMES_A_FIELD: Any = &[
    "board_id", "board_section_id", "media_source", "source_type", "image_url", "alt_text", "dominant_color",
    "parent_pin_id", "color", "colour", "json", "syntax*", "body", "payload", "schema", "property", "properties",
    "attribute*", "argument*", "input", "query", "validat*", "of type", "a string", "a number", "an integer", "a list",
    "key", "keys",
];
/// Says of itself that it is a refusal.
pub const REFUSES: Any = &[
    "refus*", "reject*", "declin*", "not allow*", "disallow*", "prohibit*", "forbid*", "not accept*", "not match*",
    "not permitted", "duplicate*", "expected", "must", "should", "can not",
];
/// Names a field or an object, or gives a reason.
pub const SAYS_MORE: &[Any] = &[
    WRONG, VALIDATION, MEDIA, LINK, TEXT, OBJECT, A_REASON, NAMES_A_FIELD, REFUSES, SIZE, CONTENT, DANGEROUS, VIOLATES,
    APP, FEATURE, ACCOUNT, CONNECTION,
];
/// Something took longer than Pinterest waits for it.
pub const TOOK_TOO_LONG: Any = &[
    "took too long", "take too long", "takes too long", "taking too long", "taken too long", "took longer than",
    "taking longer than", "complete in time", "completed in time", "finish in time", "finished in time",
    "processed in time", "respond in time", "response in time", "too long to complete", "too long to process",
    "too long to save", "too long to finish", "too long to respond",
];
/// Pinterest's own servers, unless another one is named.
pub const A_SERVER: Any = &[
    "server", "servers", "service", "services", "system", "systems", "pinterest", "we're", "we are", "api", "backend",
];
pub const OVERLOADED: Any = &[
    "busy", "overload*", "unavailable", "not available", "is down", "are down", "was down", "unresponsive",
    "over capacity", "at capacity", "not respond*", "not responding", "maintenance",
];

/// A limit for good: of what an account, a board or a section holds.
pub const HOLDS_AT_MOST: Any = &[
    "maximum number of", "max number of", "maximum amount of", "maximum of", "limit of", "limited to", "up to",
    "at most", "more than", "only have", "have too many", "has too many",
];
/// What there can be no more of. A number of pins this large is no rate.
pub const TOO_MANY_PINS: Any = &[
    "maximum number of pins", "max number of pins", "maximum amount of pins", "maximum number of saved pins",
    "have too many pins", "has too many pins", "can only have", "000 pins", "200000 pins",
];
pub const A_TIME: Any = &[
    "today", "tomorrow", "daily", "day", "days", "hour*", "hourly", "minute*", "per minute", "second", "seconds",
    "week", "weekly", "month", "at once", "at a time", "later", "now",
];

/// Pinterest saves the Pin.
pub const SAVING: Any = &[
    "saving", "creating", "publishing", "posting", "uploading", "completing", "submitting", "publication",
    "too long to save", "too long to create", "too long to publish", "too long to post", "save your pin",
    "save this pin", "save the pin", "save your image", "save the image", "being saved", "create pin", "pin creation",
    "create a pin", "creation failed", "saving pin", "save pin", "create your pin", "create the pin",
    "create this pin", "publish your pin", "processing your pin", "processing the pin",
];
/// Of images this is said where they are at fault.
pub const PROCESSING: Any = &["processing", "handling", "executing", "performing"];
/// And it may have failed.
pub const FAILED: Any = &[
    "error*", "problem*", "trouble", "issue", "issues", "timed out", "time out", "timeout*", "took too long",
    "taking too long", "could not", "unable", "fail*", "unexpected*", "wrong",
];
pub const STILL_SAVING: Any = &[
    "still being saved", "still saving", "being saved already", "already being saved", "still being created",
    "still being processed", "already being created", "being created already",
];

/// The Pin exists, or will.
pub const SAVED: Any = &[
    "pin was saved", "pin has been saved", "saved your pin", "pin saved", "pin was created", "pin has been created",
    "pin was published", "pin will be published", "pin will appear", "pin is being processed", "pin is processing",
    "pin is being published", "already been saved", "already been created", "already been published",
    "already being processed", "request in progress", "image is still processing", "still being processed",
];
/// Pinterest's own servers, and what comes of them.
pub const OUR_SERVERS: Any = &[
    "bad gateway", "gateway timeout", "gateway time out", "backend", "deadline exceeded", "upstream connect",
    "upstream request", "database", "exception occurred", "complete your request", "completed in time",
    "processing request", "processing your request", "process your request", "our servers", "hit a snag",
];
/// It may have been done all the same.
pub const STUCK: Any = &["timed out", "time out", "timeout*", "fail*", "could not", "unable"];
/// What another try of the same request doesn't mend.
pub const WRONG: Any = &[
    "invalid", "not valid", "a valid", "unsupported", "corrupt*", "broken", "too large", "too small", "different",
    "another", "missing", "required", "incorrect", "unknown",
];
/// Somebody on Pinterest wants no Pins of this account.
pub const BLOCKED_BY_SOMEBODY: Any = &[
    "user has blocked you", "user blocked you", "owner has blocked you", "owner blocked you", "blocked by this user",
    "blocked by the user", "blocked by the owner", "blocked by this person", "person has blocked you",
];

/// Pinterest speaks of an error of its own.
pub const OUR_ERROR: Any = &["internal server error", "internal error", "on our end", "on our side", "it's us", "it is us"];
pub const SOME_ERROR: Any = &[
    "went wrong", "internal server error", "internal error", "unexpected error", "unknown error", "server error",
    "error occurred", "had an error", "error has occurred", "on our end", "on our side", "temporarily unavailable",
    "service unavailable", "timed out", "time out", "timeout*", "overloaded", "maintenance", "unexpected failure",
    "unexpected problem", "something unexpected", "technical difficult*", "messed up", "problem saving",
    "problem creating", "error saving", "error creating", "internal failure", "internal problem",
];
