//! Kinds of refusals that the table once mistook: an account was held for one board, or paused for one text.
//!
//! Each sentence is tried under every 4xx. In each table, sentences that were reported stand first, and behind
//! "Invented" others of their kind.

use super::*;

/// Code, words, failure.
type Sentence = (i64, &'static str, Failure);

/// What Pinterest refuses is a board, a section or a Pin. Reconnecting the account would change nothing.
const OBJECTS: &[Sentence] = &[
    (2, "You are not a member of this group board.", F::BoardAccessDenied),
    (2, "This board belongs to someone else", F::BoardAccessDenied),
    (2, "Board access revoked", F::BoardAccessDenied),
    (2, "You can't save to this board.", F::BoardAccessDenied),
    (2, "You can not create pins on another user's board", F::BoardAccessDenied),
    (2, "Authentication failed: you don't have access to this board.", F::BoardAccessDenied),
    (2, "You are not authorized to perform this action on the Pin", F::BoardAccessDenied),
    (2, "You can't see this board's sections", F::BoardAccessDenied),
    (2, "Cannot access this Pin", F::BoardAccessDenied),
    (3, "This group board only lets collaborators add Pins", F::BoardAccessDenied),
    (3, "This Pin can't be saved to a secret board", F::BoardAccessDenied),
    (3, "Authorization failed: user may not write to board", F::BoardAccessDenied),
    // Invented.
    (2, "Only the owner can add to this board", F::BoardAccessDenied),
    (3, "You were removed from this board", F::BoardAccessDenied),
    (2, "Your invitation to the board hasn't been accepted yet", F::BoardAccessDenied),
    (7, "The section is read-only for collaborators", F::BoardAccessDenied),
    (29, "This board is private", F::BoardAccessDenied),
    (3, "Authorization failed for board section", F::BoardAccessDenied),
    (2, "Authentication failed. The board is owned by another account.", F::BoardAccessDenied),
    (1, "You can't add Pins to a board that isn't yours", F::BoardAccessDenied),
    (403, "Saving to that board requires an invitation from its owner", F::BoardAccessDenied),
    (9, "You may not pin to boards of other people", F::BoardAccessDenied),
    (3, "The object is not visible to you", F::BoardAccessDenied),
    (2, "Your access to this board has expired", F::BoardAccessDenied),
    (2, "We couldn't find that board", F::BoardNotFound),
    (3, "This board section no longer exists", F::BoardSectionNotFound),
    (2, "The board owner's account has been deactivated", F::BoardAccessDenied),
    // The pin alone, by what it consists of.
    (2, "You may not save this image", F::InvalidRequest),
];

/// What is still about the account, its connection, or the app, though it may mention boards and Pins.
const NO_OBJECTS: &[Sentence] = &[
    (2, "The access token is invalid or expired", F::TokenRevoked),
    (2, "Authentication failed.", F::TokenRevoked),
    (2, "Authentication failed", F::TokenRevoked),
    (7, "Authentication failed: the credentials have expired", F::TokenRevoked),
    (2, "The access token may not be used for this board", F::TokenRevoked),
    (2, "Your access token has expired. Please reconnect to save to this board.", F::TokenRevoked),
    (2, "Please log in to save this Pin", F::TokenRevoked),
    (2, "You must be logged in to view this board", F::TokenRevoked),
    (2, "Permission denied", F::TokenRevoked),
    (2, "The user has not authorized this app", F::TokenRevoked),
    (3, "Authorization failed", F::ScopeMissing),
    (3, "Authorization failed.", F::ScopeMissing),
    (3, "The token lacks the scope boards:write for this board", F::ScopeMissing),
    (2, "Missing scopes to write to this board", F::ScopeMissing),
    (3, "Authorization failed. Missing: ['boards:write', 'pins:write']", F::ScopeMissing),
    (29, "Trial access doesn't allow you to create Pins on this board", F::TrialAccess),
    (1, "Your account is blocked from creating boards", F::SpamBlock),
    (2, "Your account is blocked from creating boards", F::SpamBlock),
    (3, "Your account has been suspended. You can't save to boards.", F::SpamBlock),
    (7, "You have been blocked from creating Pins and boards", F::SpamBlock),
    // A validation of a board's fields is none of access.
    (400, "The board name may not be empty", F::InvalidRequest),
    (1, "You already have a board with that name", F::InvalidRequest),
];

/// Another server refused to hand the image over, in words that are said of tokens and rates, too.
const IMAGE_HOSTS: &[Sentence] = &[
    (1, "Authentication failed for image host", F::ImageUnreachable),
    (1, "Fetching the image failed: token expired", F::ImageUnreachable),
    (1, "Unable to fetch image: access denied, authentication required by host", F::ImageUnreachable),
    (1, "Too many requests to image host, please retry", F::ImageUnreachable),
    (1, "The image server is rate limiting us", F::ImageUnreachable),
    (1, "Image host blocked our request (HTTP 403)", F::ImageUnreachable),
    (1, "Invalid image URL: server responded with 403 Forbidden", F::ImageUnreachable),
    (1, "We're having trouble with this image. Please try again in a few minutes.", F::ImageUnreachable),
    (1, "Sorry, we were unable to process the image. Please try again later.", F::ImageUnreachable),
    // Invented.
    (1, "The server hosting your image asked for a password", F::ImageUnreachable),
    (2, "The image's host rejected our credentials", F::ImageUnreachable),
    (9, "The site that hosts the picture is blocking our crawler", F::ImageUnreachable),
    (7, "Photo server returned 429 Too Many Requests", F::ImageUnreachable),
    (1, "Could not download media: unauthorized", F::ImageUnreachable),
    (8, "We were throttled by the server of the image", F::ImageUnreachable),
    (235, "Access to the image was denied by the remote server", F::ImageUnreachable),
    (1, "Retrieving the photo failed: too many requests", F::ImageUnreachable),
    (1, "Could not fetch https://images.example.com/a.jpg: authentication required", F::ImageUnreachable),
    (1, "This picture can't be processed right now", F::ImageUnreachable),
    (1, "There was a temporary problem with your photo", F::ImageUnreachable),
    (1, "Image processing failed, please retry in a moment", F::ImageUnreachable),
    // What another attempt doesn't mend.
    (1, "Your image is too small. Please choose another one and try again later.", F::ImageTooSmall),
    (235, "This image is broken. Try again later with a different image.", F::ImageBroken),
    (1, "This image format is not supported by our servers", F::ImageFormatUnsupported),
    // The account, though images are mentioned.
    (1, "Too many requests. Please wait before you upload more images.", F::RateLimited),
    (9, "You have been blocked from uploading images", F::SpamBlock),
    (2, "The access token is invalid. Images were not saved.", F::TokenRevoked),
];

/// One text, image, link or Pin is at fault. The account's other pins are welcome.
const ONE_PINS_FAULT: &[Sentence] = &[
    (9, "The Pin title contains words that aren't allowed", F::DescriptionBlocked),
    (9, "Please edit your description: it contains a phrase we don't permit", F::DescriptionBlocked),
    (9, "Your alt text contains inappropriate words", F::DescriptionBlocked),
    (1, "This Pin looks like spam", F::InvalidRequest),
    (9, "This Pin looks like spam", F::InvalidRequest),
    (1, "The comment is considered spam", F::DescriptionBlocked),
    (1, "You can't use the word spam in titles", F::DescriptionBlocked),
    (9, "The image you're saving may violate our community guidelines", F::InvalidRequest),
    (9, "This Pin was removed because it goes against our policy on spam", F::InvalidRequest),
    (1, "Term spam is blocked", F::DescriptionBlocked),
    // Invented.
    (9, "Your title goes against our community guidelines", F::DescriptionBlocked),
    (1, "That keyword is banned", F::DescriptionBlocked),
    (8, "Offensive language was found in the caption", F::DescriptionBlocked),
    (9, "The description has prohibited hashtags", F::DescriptionBlocked),
    (9, "Your Pin was flagged as spam", F::InvalidRequest),
    (1, "This photo violates our policies on adult content", F::InvalidRequest),
    (9, "Sorry! The picture was removed for violating our terms of service", F::InvalidRequest),
    (9, "The link violates our community guidelines", F::LinkBlocked),
    (1, "That website is against our policy", F::LinkBlocked),
    (9, "Your URL was reported as phishing", F::LinkBlocked),
    (1, "To combat spam we've blocked your comment", F::DescriptionBlocked),
    // A validation of a text blocks none.
    (1, "The title is not allowed to be empty", F::InvalidRequest),
    (1, "The description contains characters that are not allowed", F::InvalidRequest),
    // The account, though a Pin or a text is mentioned.
    (9, "We noticed spammy activity, so this Pin wasn't saved", F::SpamBlock),
    (9, "Your account has been suspended for inappropriate comments", F::SpamBlock),
    (9, "You've been blocked: your Pins look like spam", F::SpamBlock),
    (9, "Sorry! We've blocked this because it may be spam", F::SpamBlock),
];

/// The account is blocked, or too fast.
const ACCOUNTS: &[Sentence] = &[
    (
        9,
        "Sorry! You've hit a block we have in place to combat spam. Please remove your link and try again.",
        F::SpamBlock,
    ),
    (1, "We've temporarily restricted your ability to save Pins", F::SpamBlock),
    (1, "Hold on! You're pinning too fast.", F::RateLimited),
    (1, "You've reached the maximum number of Pins for today", F::RateLimited),
    // Invented.
    (1, "You've hit a block that protects boards. Please change your description.", F::SpamBlock),
    (7, "Your account has been temporarily limited", F::SpamBlock),
    (2, "We have disabled your ability to create Pins for now", F::SpamBlock),
    (1, "You are temporarily prevented from saving Pins", F::SpamBlock),
    (403, "Your account was locked because of unusual activity", F::SpamBlock),
    (1, "You're saving Pins too quickly. Take a break.", F::RateLimited),
    (7, "You have exceeded your daily limit of Pins", F::RateLimited),
    (1, "The limit of requests per hour was reached", F::RateLimited),
    (2, "You are sending requests too frequently", F::RateLimited),
    (1, "You've created too many Pins today", F::RateLimited),
    // The limits of a board, and of a text.
    (1, "This board has reached the maximum number of Pins", F::InvalidRequest),
    (1, "The title exceeds the maximum length", F::InvalidRequest),
];

/// Pinterest failed, so a Pin may exist.
const PERHAPS_CREATED: &[Sentence] = &[
    (1, "Oops, something went wrong. Try again later", F::OutcomeUnknown),
    (1, "Internal server error", F::OutcomeUnknown),
    (500, "An unexpected error has occurred on our side", F::OutcomeUnknown),
    // Invented.
    (400, "Sorry, there was an internal error", F::OutcomeUnknown),
    (1, "Something went wrong while saving your Pin", F::OutcomeUnknown),
    (2, "An unknown error occurred. Please try again.", F::OutcomeUnknown),
    (7, "Unexpected error", F::OutcomeUnknown),
    (3, "Pinterest is temporarily unavailable", F::OutcomeUnknown),
    (29, "The request timed out", F::OutcomeUnknown),
    (99, "Oh no, that didn't work on our end", F::OutcomeUnknown),
    (1, "Internal server error while saving your image", F::OutcomeUnknown),
    (1, "Something went wrong with your image on our servers. Try again later.", F::OutcomeUnknown),
    // What says more than that something failed.
    (1, "Something went wrong: we couldn't fetch the image", F::ImageUnreachable),
    (1, "Unable to reach the URL: 500 Internal Server Error", F::ImageUnreachable),
    (1, "The image host had an internal error", F::ImageUnreachable),
    (2, "Something went wrong: the access token is invalid", F::TokenRevoked),
    (1, "An error occurred: the title is too long", F::InvalidRequest),
    (9, "Something went wrong", F::SpamBlock),
];

/// What the app may not do, and fields that are wrong.
const APPS_AND_FIELDS: &[Sentence] = &[
    (3, "Your app is not authorized to use this endpoint", F::FeatureRestricted),
    (7, "This feature is not available to your app", F::FeatureRestricted),
    (1, "link: URL scheme not permitted", F::InvalidUrl),
    (1, "Description must not include URLs", F::DescriptionBlocked),
    // Invented.
    (2, "This endpoint is in beta and isn't enabled for your application", F::FeatureRestricted),
    (29, "Your application may not create Pins", F::FeatureRestricted),
    (1, "You don't have access to this feature", F::FeatureRestricted),
    (3, "Your app lacks access to this endpoint", F::FeatureRestricted),
    (403, "The app has been disabled", F::FeatureRestricted),
    (1, "Unsupported protocol in link", F::InvalidUrl),
    (1, "Only http and https URLs are accepted", F::InvalidUrl),
    (400, "The scheme of the url is not allowed", F::InvalidUrl),
    (1, "The link must start with https", F::InvalidUrl),
    (1, "Links are not allowed in descriptions", F::DescriptionBlocked),
    (9, "Please remove the link from your description", F::DescriptionBlocked),
    (1, "The title can't contain URLs", F::DescriptionBlocked),
    (1, "A description can't hold links", F::DescriptionBlocked),
    (9, "Captions should not have web addresses", F::DescriptionBlocked),
    // A board, a tier, a scope: not the app's features.
    (7, "Your app doesn't have access to this board", F::BoardAccessDenied),
    (3, "This app needs the scope pins:write", F::ScopeMissing),
    (29, "Your app has Trial access and may not use this endpoint", F::TrialAccess),
];

/// Sentences of another review, in which one row took the words of another.
const MISTAKEN: &[Sentence] = &[
    // Pinterest failed while it saved, or isn't through: the Pin may exist.
    (1, "An unexpected error occurred while saving your image. Please try again later.", F::OutcomeUnknown),
    (1, "Saving your Pin's image timed out. Please try again later.", F::OutcomeUnknown),
    (1, "The server took too long to respond while saving your image.", F::OutcomeUnknown),
    (1, "Internal server error: the media server is overloaded.", F::OutcomeUnknown),
    (1, "We're having a problem saving your image right now.", F::OutcomeUnknown),
    (1, "Your Pin is still being saved. Please wait before trying again.", F::OutcomeUnknown),
    (409, "This Pin is being saved already; too many requests for it.", F::OutcomeUnknown),
    (1, "We're having trouble saving Pins right now. Please try again in a few minutes.", F::OutcomeUnknown),
    (1, "We couldn't save your Pin. Please try again.", F::OutcomeUnknown),
    (1, "A database error has prevented this Pin from being saved.", F::OutcomeUnknown),
    (1, "Pinterest is experiencing heavy load.", F::OutcomeUnknown),
    // The account, the app, the connection.
    (29, "Your app needs Standard access to create Pins.", F::TrialAccess),
    (7, "Your account has been closed.", F::SpamBlock),
    (1, "User is suspended.", F::SpamBlock),
    (1, "This user has been deactivated.", F::SpamBlock),
    (1, "Your account is under review.", F::SpamBlock),
    (1, "Please confirm your email address before you save Pins.", F::SpamBlock),
    (7, "Sorry! Your account can't save to boards at the moment.", F::SpamBlock),
    (1, "Unauthorized", F::TokenRevoked),
    (1, "Your session has expired.", F::TokenRevoked),
    (1, "Invalid access_token", F::TokenRevoked),
    (1, "Authorization header is missing.", F::TokenRevoked),
    (1, "Bearer token required", F::TokenRevoked),
    (7, "The user has revoked access for this application.", F::TokenRevoked),
    (1, "Your app is pending approval.", F::FeatureRestricted),
    (1, "API access for this app has been revoked.", F::FeatureRestricted),
    (29, "Your account does not have permission to use this API.", F::FeatureRestricted),
    (1, "You've exceeded your allotted API calls.", F::RateLimited),
    (1, "You've reached your Pin limit.", F::RateLimited),
    (1, "Pin creation limit reached. Try again tomorrow.", F::RateLimited),
    (1, "You can only create 100 Pins a day", F::RateLimited),
    // One pin, whatever it is like.
    (1, "The image exceeds the maximum file size for Pins.", F::InvalidRequest),
    (1, "Your image is over the 20 MB limit for Pins.", F::InvalidRequest),
    (1, "The link exceeds the maximum allowed for Pins.", F::InvalidRequest),
    (9, "This link has been saved too often.", F::LinkBlocked),
    (9, "Too many Pins link to this site.", F::LinkBlocked),
    (1, "This domain has been blocked from Pinterest.", F::LinkBlocked),
    (9, "This domain has been blocked from Pinterest.", F::LinkBlocked),
    (1, "Links to this site are blocked from Pinterest.", F::LinkBlocked),
    (1, "This link has been blocked from being saved.", F::LinkBlocked),
    (9, "Affiliate links aren't supported.", F::LinkBlocked),
    (9, "Shortened links aren't supported.", F::LinkBlocked),
    (9, "Please remove the tracking parameters.", F::LinkBlocked),
    (9, "Repeated text isn't allowed.", F::DescriptionBlocked),
    (9, "Sorry, Pins with nudity aren't allowed.", F::InvalidRequest),
    (9, "This has been removed because it contains medical misinformation.", F::InvalidRequest),
    (1, "The copyright owner blocked you from using it.", F::InvalidRequest),
    (1, "dominant_color: invalid token '#zzz'", F::InvalidRequest),
    (1, "The color value token is invalid.", F::InvalidRequest),
    (1, "Unexpected token < in JSON at position 0 is not valid", F::InvalidRequest),
    (2, "Sorry, only members can save here.", F::BoardAccessDenied),
    (3, "You can't save ideas to this collaborative space.", F::BoardAccessDenied),
    (2, "You are not permitted to save Pins here.", F::BoardAccessDenied),
    // What passes.
    (409, "The board is being updated by another request. Please try again.", F::PinterestBusy),
    (1, "Conflict: the board was modified concurrently.", F::PinterestBusy),
    (1, "We could not process your image. Please try again.", F::ImageUnreachable),
    (1, "Sorry, we had an issue with that image URL.", F::ImageUnreachable),
];

/// Sentences of a third review.
const UNSEEN: &[Sentence] = &[
    // The Pin may exist.
    (1, "Your Pin was saved, but we couldn't process the image", F::OutcomeUnknown),
    (1, "Your Pin will be published once the image has been downloaded", F::OutcomeUnknown),
    (1, "We saved your Pin, but couldn't fetch the image", F::OutcomeUnknown),
    (1, "Your Pin was created but the image failed to upload", F::OutcomeUnknown),
    (1, "Timeout while uploading image to our servers", F::OutcomeUnknown),
    (1, "Timeout while storing the image", F::OutcomeUnknown),
    (1, "Could not store the image", F::OutcomeUnknown),
    (1, "The connection to our image service timed out", F::OutcomeUnknown),
    (1, "Could not create Pin. Please try again later.", F::OutcomeUnknown),
    (1, "Unable to create Pin", F::OutcomeUnknown),
    (1, "Failed to create pin", F::OutcomeUnknown),
    (1, "Pin creation failed due to an internal issue", F::OutcomeUnknown),
    (400, "Bad gateway", F::OutcomeUnknown),
    (1, "Backend error", F::OutcomeUnknown),
    (1, "deadline exceeded", F::OutcomeUnknown),
    (1, "upstream connect error or disconnect/reset before headers", F::OutcomeUnknown),
    (1, "Failed to write to database", F::OutcomeUnknown),
    (1, "Sorry, we couldn't complete your request. Please try again.", F::OutcomeUnknown),
    (1, "Request could not be completed in time", F::OutcomeUnknown),
    (1, "We hit a snag saving your Pin to the board.", F::OutcomeUnknown),
    (1, "Error while processing request", F::OutcomeUnknown),
    (1, "Pin saved. Image is still processing.", F::OutcomeUnknown),
    (1, "Your Pin is being processed. Check back in a few minutes.", F::OutcomeUnknown),
    (1, "This Pin has already been saved", F::OutcomeUnknown),
    (409, "A Pin with the same content is already being processed", F::OutcomeUnknown),
    (1, "Duplicate request in progress", F::OutcomeUnknown),
    // One pin's, one board's, one app's.
    (3, "This user has blocked you", F::BoardAccessDenied),
    (2, "You've been blocked by this user", F::BoardAccessDenied),
    (9, "This destination was reported by Pinners", F::LinkBlocked),
    (9, "This link was blocked. Repeated violations may lead to your account being suspended.", F::LinkBlocked),
    (9, "A link in your Pin was blocked. Your account has received a warning.", F::LinkBlocked),
    (
        9,
        "We removed this Pin for violating our policies. Your account could be suspended if this happens again.",
        F::InvalidRequest,
    ),
    (1, "Your description contains a banned word. Accounts that repeat this may be suspended.", F::DescriptionBlocked),
    (
        9,
        "We blocked this link. If you think that's a mistake, contact support from your account settings.",
        F::LinkBlocked,
    ),
    (1, "Your account can't save links from this blocked website", F::LinkBlocked),
    (9, "The content you tried to save goes against our Community Guidelines", F::InvalidRequest),
    (9, "Sorry, this content can't be saved", F::InvalidRequest),
    (9, "Blocked by content policy", F::InvalidRequest),
    (9, "Pins about weight loss aren't allowed", F::InvalidRequest),
    (9, "example.com has been blocked", F::LinkBlocked),
    (1, "Landing page blocked for spam", F::LinkBlocked),
    (1, "Pins from this source are spam", F::LinkBlocked),
    (2, "Your app has been blocked", F::FeatureRestricted),
    (3, "Client application has been banned for spam", F::FeatureRestricted),
    (1, "Your app is in trial mode. Request an upgrade to publish Pins.", F::TrialAccess),
    (1, "Sandbox token used in production", F::TrialAccess),
    (1, "Invalid board id", F::BoardNotFound),
    (1, "Board has been archived and can't accept new Pins", F::BoardNotFound),
    (2, "Sorry, you've been removed as a collaborator", F::BoardAccessDenied),
    // The connection's, the account's, the rate's.
    (2, "Authentication required to save Pins to this board", F::TokenRevoked),
    (7, "Authentication required to access this resource", F::TokenRevoked),
    (2, "You need to reauthorize this app to pin to boards", F::TokenRevoked),
    (7, "Not logged in", F::TokenRevoked),
    (7, "The user has removed this app from their account", F::TokenRevoked),
    (1, "OAuth token rejected", F::TokenRevoked),
    (1, "Token has been deactivated by the user", F::TokenRevoked),
    (7, "Token doesn't have the permissions needed: ['boards:write']", F::ScopeMissing),
    (1, "You're doing that too much. Try again in 10 minutes.", F::RateLimited),
    (1, "Whoa, slow it down!", F::RateLimited),
    (1, "You are out of requests for this minute", F::RateLimited),
    (1, "You've been saving a lot! Take a break and try again later.", F::RateLimited),
    (1, "We have detected unusual activity from you. Saving is disabled for 24 hours.", F::SpamBlock),
    (1, "Safe mode: reset your password to continue", F::SpamBlock),
    (1, "We limit how often you can do certain things on Pinterest to protect our community", F::SpamBlock),
    // The image's host, and the link.
    (1, "We couldn't fetch the image: blocked by Cloudflare", F::ImageUnreachable),
    (1, "Image rejected: robots.txt blocks Pinterestbot", F::ImageUnreachable),
    (1, "Access to image blocked (403)", F::ImageUnreachable),
    (1, "Sorry, we're blocked from getting this image", F::ImageUnreachable),
    (1, "HTTP 503 while getting image_url", F::ImageUnreachable),
    (1, "The remote server returned an error: (403) Forbidden.", F::ImageUnreachable),
    (1, "Could not read image from URL", F::ImageUnreachable),
    (1, "We could not verify the image at this URL, please try again", F::ImageUnreachable),
    (1, "The destination link is unreachable", F::InvalidUrl),
    (1, "link: hostname could not be resolved", F::InvalidUrl),
];

/// A block for spam, of links or of the account: what the words say is blocked decides, whoever it belongs to.
const BLOCKS_FOR_SPAM: &[Sentence] = &[
    (9, "Due to spammy behavior, your website links are blocked", F::LinkBlocked),
    (1, "Due to spammy behavior, your website links are blocked", F::LinkBlocked),
    // Invented.
    (9, "Your website links are restricted due to spammy behavior on your account.", F::LinkBlocked),
    (9, "Links from your account to this website are blocked because of spam", F::LinkBlocked),
    (1, "Your account's website is blocked due to spammy behavior.", F::LinkBlocked),
    (9, "The website linked to your account has been blocked due to spam", F::LinkBlocked),
    (9, "Unusual activity on your website: its links are blocked", F::LinkBlocked),
    (1, "We've detected unusual activity from this domain and blocked its links.", F::LinkBlocked),
    (9, "You've been blocked from saving Pins that link to this domain due to spam.", F::LinkBlocked),
    (1, "Your account has been blocked from saving links to this website.", F::LinkBlocked),
    (1, "Your account can't save links from this website because it was blocked for spam", F::LinkBlocked),
    (1, "Your website has been suspended because of spam.", F::LinkBlocked),
    (9, "Your blog is blocked for spam", F::LinkBlocked),
    // The account is blocked, though its links are mentioned.
    (9, "Due to spammy behavior, your account is blocked", F::SpamBlock),
    (1, "Due to spammy behavior, you are blocked from saving Pins", F::SpamBlock),
    (9, "Due to spammy behavior, your account has been blocked from saving links", F::SpamBlock),
    (1, "Your account has posted links and was blocked for spam.", F::SpamBlock),
    (1, "Your account was blocked for spam: it saved links to blocked websites.", F::SpamBlock),
    (9, "Your account has been suspended because your website links are spam", F::SpamBlock),
    (1, "Your account has been suspended for spam. You can't save Pins from your website.", F::SpamBlock),
    (9, "Your website is blocked for spam, and so is your account.", F::SpamBlock),
    (1, "We blocked your account: your website is blocked for spam.", F::SpamBlock),
    (9, "Your account and its website have been suspended for spam.", F::SpamBlock),
    (1, "You have been blocked because your website links are banned.", F::SpamBlock),
    (9, "You are blocked from saving links to boards.", F::SpamBlock),
];

/// What is said beside the reason, or around it.
const ASIDES: &[Sentence] = &[
    (1, "It's not you, it's us. Please try again.", F::OutcomeUnknown),
    (9, "We blocked this link because it leads to spam. Your account is fine.", F::LinkBlocked),
    (9, "This link has been blocked. Your account isn't affected.", F::LinkBlocked),
    (9, "Your description was blocked. Don't worry, this does not affect your account.", F::DescriptionBlocked),
    (9, "We removed this image for nudity; your account is in good standing.", F::InvalidRequest),
    (1, "Error: \"Sorry, we could not fetch the image.\"", F::ImageUnreachable),
    (9, "“Your account has been blocked to combat spam.”", F::SpamBlock),
    (2, "Error from API: 'The access token is invalid or expired'", F::TokenRevoked),
    (1, "['The board was not found by this name']", F::BoardNotFound),
];

/// Limits for good, images and links that are blocked, and what follows no guidelines: one pin's fault each.
const ONE_PINS_LIMITS_AND_BLOCKS: &[Sentence] = &[
    (1, "You've reached the maximum number of Pins (200,000).", F::InvalidRequest),
    (8, "You've reached the maximum number of boards", F::InvalidRequest),
    (9, "The image URL is blocked", F::InvalidRequest),
    (1, "The image URL is blocked", F::InvalidRequest),
    (1, "This link isn't safe", F::LinkBlocked),
    (9, "This is an unsafe link", F::LinkBlocked),
    (12, "The link may be harmful", F::LinkBlocked),
    (9, "We blocked this because it doesn't follow our Community Guidelines.", F::InvalidRequest),
    (9, "Try a different link", F::LinkBlocked),
    // Invented.
    (7, "You've reached the limit of 200,000 Pins", F::InvalidRequest),
    (12, "You have too many Pins", F::InvalidRequest),
    (2, "This board has the maximum number of sections", F::InvalidRequest),
    (1, "You can't have more than 2,000 boards", F::InvalidRequest),
    (9, "Board limit reached", F::InvalidRequest),
    (1, "Your account is limited to 200,000 Pins", F::InvalidRequest),
    (7, "image_url is blocked", F::InvalidRequest),
    (9, "We blocked the image's URL", F::InvalidRequest),
    (1, "The URL of the image has been blocked", F::InvalidRequest),
    (9, "This image comes from a blocked website", F::InvalidRequest),
    (7, "This website is not safe", F::LinkBlocked),
    (1, "This link could harm people", F::LinkBlocked),
    (9, "Please use another link.", F::LinkBlocked),
    (9, "Try a different description", F::DescriptionBlocked),
    (9, "Choose a different image", F::InvalidRequest),
    (1, "We removed this because it violates our policies", F::InvalidRequest),
    (9, "It goes against our Community Guidelines", F::InvalidRequest),
    // The account, and limits in time.
    (9, "Your account was blocked because it doesn't follow our Community Guidelines", F::SpamBlock),
    (9, "You're blocked because you don't follow our Community Guidelines", F::SpamBlock),
    (9, "You don't follow our Community Guidelines", F::SpamBlock),
    (9, "Sorry! We've blocked this", F::SpamBlock),
    (1, "You've reached the maximum number of Pins per hour", F::RateLimited),
    (7, "You've reached the maximum number of Pins you can save in a day", F::RateLimited),
    (1, "Maximum number of Pins reached, try again later", F::RateLimited),
];

/// Servers that are busy, and requests that took too long: whether the Pin exists is open.
const NOT_IN_TIME: &[&str] = &[
    "Request didn't complete in time",
    "We could not complete that request.",
    "The server is busy",
    "Your request took too long",
    // Invented.
    "The request was not completed in time",
    "Your request did not finish in time.",
    "Servers are busy. Please try again later.",
    "Server too busy",
    "The service is busy",
    "Sorry, Pinterest is busy right now",
    "Our servers are overloaded",
    "The service is temporarily overloaded",
    "The server is currently unavailable",
    "The service isn't available right now",
    "Our systems are down",
    "Servers are over capacity",
    "The server did not respond",
    "The backend is not responding",
    "The request took too long to complete.",
    "This took too long. Try again.",
    "It's taking too long",
    "Saving your Pin took too long",
    "Your Pin took too long to publish",
    "The image took too long to save",
    "Our servers took too long to respond",
    "Your request is taking longer than expected",
    "The request timed out.",
    "The operation has timed out",
    "Too busy to save your Pin",
    "Your request failed",
    "The operation was interrupted",
    "Your request didn't go through",
    "Upload failed",
    "Your image could not be uploaded",
    "Your Pin wasn't saved because our servers are busy",
    "Pin could not be saved to the board",
];

/// What wasn't done for a reason that is named. The reason decides.
const NOT_DONE_FOR_A_REASON: &[Sentence] = &[
    (1, "We couldn't save this Pin because the image is broken", F::ImageBroken),
    // Invented.
    (1, "Your Pin could not be saved because the image is too small", F::ImageTooSmall),
    (1, "Your Pin couldn't be created because we couldn't fetch the image", F::ImageUnreachable),
    (400, "We weren't able to publish your Pin: the image could not be downloaded", F::ImageUnreachable),
    (1, "Pin not saved: the image URL is unreachable", F::ImageUnreachable),
    (1, "Pin could not be created: image format not supported", F::ImageFormatUnsupported),
    (1, "Your Pin couldn't be saved because its link is blocked", F::LinkBlocked),
    (9, "Your Pin could not be published because the description contains spam", F::DescriptionBlocked),
    (1, "Pin could not be saved: invalid URL", F::InvalidUrl),
    (1, "Pin could not be saved: board not found", F::BoardNotFound),
    (400, "We couldn't save your Pin because the board doesn't exist", F::BoardNotFound),
    (1, "We couldn't save your Pin: the board section was not found", F::BoardSectionNotFound),
    (7, "Your Pin couldn't be saved: you don't have permission to save to this board", F::BoardAccessDenied),
    (2, "Your Pin wasn't saved: only members can save to this board", F::BoardAccessDenied),
    (2, "This Pin can't be saved to that board", F::BoardAccessDenied),
    (1, "Your Pin could not be saved: too many requests", F::RateLimited),
    (1, "Pin not created. You are pinning too fast.", F::RateLimited),
    (1, "Your Pin was not saved because your account is blocked", F::SpamBlock),
    (1, "Your Pin was not saved: the access token is invalid", F::TokenRevoked),
    (1, "Pin could not be created: please log in", F::TokenRevoked),
    (3, "Pin could not be created: missing scope pins:write", F::ScopeMissing),
    (29, "Pin was not created: apps with Trial access may not create Pins in production", F::TrialAccess),
    (1, "Pin could not be saved: the title is too long", F::InvalidRequest),
    (400, "Pin could not be created: title must be 100 characters or less", F::InvalidRequest),
    (1, "We couldn't save your Pin because it violates our guidelines", F::InvalidRequest),
];

fn check(sentences: &[Sentence]) {
    let mut wrong = Vec::new();
    for (code, message, failure) in sentences {
        for status in (400..500).filter(|status| *status != 408) {
            let found = of_create(status, Some(*code), &Words::of(message, &[]));
            if found != *failure {
                wrong.push(format!("{status} {code} {message}: {found:?}, not {failure:?}"));
                break;
            }
        }
        for variant in [message.to_uppercase(), message.replace('\'', "’"), format!("  {message}\n")] {
            let found = of_create(403, Some(*code), &Words::of(&variant, &[]));
            if found != of_create(403, Some(*code), &Words::of(message, &[])) {
                wrong.push(format!("{code} {variant}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), sentences.len(), wrong.join("\n"));
}

#[test]
fn a_refused_board_section_or_pin_fails_that_pin_and_holds_no_account() {
    check(OBJECTS);
    check(NO_OBJECTS);
}

#[test]
fn what_the_images_host_says_is_not_said_of_the_account() {
    check(IMAGE_HOSTS);
}

#[test]
fn one_text_image_or_link_pauses_no_account() {
    check(ONE_PINS_FAULT);
}

#[test]
fn links_that_are_blocked_for_spam_fail_their_pin_and_an_account_that_is_pauses() {
    check(BLOCKS_FOR_SPAM);
}

#[test]
fn blocks_and_rates_of_the_account_pause_it() {
    check(ACCOUNTS);
}

#[test]
fn where_pinterest_itself_failed_a_pin_may_exist() {
    check(PERHAPS_CREATED);
}

/// In every voice, of everything that a create may be called, whatever the code: the Pin may exist, so it is looked for
/// before it is sent again. Under a 429 the account pauses all the same.
#[test]
fn a_pin_that_was_not_saved_for_no_reason_may_exist_in_every_verb_and_form() {
    const VERBS: [[&str; 3]; 7] = [
        ["save", "saved", "saving"],
        ["create", "created", "creating"],
        ["publish", "published", "publishing"],
        ["post", "posted", "posting"],
        ["upload", "uploaded", "uploading"],
        ["process", "processed", "processing"],
        ["complete", "completed", "completing"],
    ];
    const THINGS: [&str; 9] =
        ["your Pin", "this Pin", "Pin", "it", "your request", "that request", "this", "the request", "your idea"];
    const FORMS: [&str; 26] = [
        "We couldn't {do} {it}.",
        "We can't {do} {it} right now.",
        "We didn't {do} {it}",
        "We weren't able to {do} {it}",
        "We were unable to {do} {it}.",
        "Unable to {do} {it}",
        "Not able to {do} {it}",
        "Pinterest failed to {do} {it}",
        "Failed to {do} {it}. Please try again.",
        "We couldn't {do} {it} to your board. Please try again.",
        "{it} couldn't be {done}",
        "{it} could not be {done} at this time.",
        "{it} can't be {done}",
        "{it} wasn't {done}",
        "{it} isn't {done}",
        "{it} hasn't been {done}.",
        "{it} failed to {do}",
        "{it} failed to be {done}",
        "{it} was unable to be {done}",
        "{it} not {done}",
        "{it} could not be successfully {done}",
        "{it} didn't {do} in time",
        "Sorry, {doing} {it} failed",
        "There was a problem {doing} {it}.",
        "Error {doing} {it}",
        "We had trouble {doing} {it}. Please try again.",
    ];
    let mut wrong = Vec::new();
    let sentences = VERBS.iter().flat_map(|[verb, done, doing]| {
        FORMS.iter().flat_map(move |form| {
            let form = form.replace("{doing}", doing).replace("{done}", done).replace("{do}", verb);
            THINGS.iter().map(move |thing| form.replace("{it}", thing))
        })
    });
    for message in sentences.chain(NOT_IN_TIME.iter().map(|message| (*message).to_owned())) {
        let said = Words::of(&message, &[]);
        for status in [400, 401, 403, 404, 409, 418, 422, 429, 499] {
            for code in [None, Some(1), Some(12), Some(16), Some(77), Some(400)] {
                let found = of_create(status, code, &said);
                if found != F::OutcomeUnknown {
                    wrong.push(format!("{status} {code:?} {message}: {found:?}"));
                }
            }
        }
        assert_eq!(limit_of(429, Some(1), &said), Some(F::RateLimited), "{message}");
        assert_eq!(limit_of(401, Some(16), &said), None, "{message}");
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn servers_that_are_busy_and_requests_that_took_too_long_leave_the_outcome_open_under_every_4xx() {
    for code in [1, 12, 16, 400] {
        let sentences: Vec<Sentence> = NOT_IN_TIME.iter().map(|message| (code, *message, F::OutcomeUnknown)).collect();
        check(&sentences);
    }
}

#[test]
fn what_was_not_done_for_a_reason_fails_for_the_reason() {
    check(NOT_DONE_FOR_A_REASON);
}

/// Under codes 1 and 400, which Pinterest uses for anything.
#[test]
fn words_that_name_nothing_and_give_no_reason_leave_the_outcome_open() {
    for code in [1, 400] {
        let of = |status, message: &str| of_create(status, Some(code), &Words::of(message, &[]));
        for message in ["Oops!", "Sorry.", "Something odd happened", "That was not meant to be"] {
            assert_eq!(
                (of(400, message), of(403, message)),
                (F::OutcomeUnknown, F::OutcomeUnknown),
                "{code} {message}"
            );
            assert_eq!(of(429, message), F::RateLimited, "{code} {message}");
        }
        for message in [
            "",
            "Invalid request",
            "Invalid parameters",
            "board_id should be a string",
            "Missing required property",
            "Request body is malformed",
            "Your Pin was rejected",
            "This is not allowed",
            "None is not of type string",
            "Validation failed",
        ] {
            assert_eq!(of(400, message), F::InvalidRequest, "{code} {message}");
        }
    }
}

#[test]
fn limits_for_good_blocked_images_and_guidelines_fail_one_pin_and_pause_no_account() {
    check(ONE_PINS_LIMITS_AND_BLOCKS);
}

/// A title that is a sentence of Pinterest's, behind the name of its field.
#[test]
fn a_title_of_pinterests_own_words_is_the_titles_behind_its_name() {
    for (own, message, failure) in [
        ("Board not found", "Title Board not found contains banned words", F::DescriptionBlocked),
        ("Authentication failed", "Title Authentication failed contains banned words", F::DescriptionBlocked),
        ("Board not found", "title: Board not found is too long", F::InvalidRequest),
        ("Board not found", "Please check the title. Board not found.", F::BoardNotFound),
        ("Board not found", "board_id: Board not found", F::BoardNotFound),
    ] {
        for code in [1, 9] {
            assert_eq!(of_create(400, Some(code), &Words::of(message, &[own])), failure, "{code} {message}");
        }
    }
}

#[test]
fn what_is_said_beside_the_reason_or_around_it_doesnt_hide_it() {
    check(ASIDES);
}

#[test]
fn words_that_a_third_review_invented_are_taken_for_what_they_say() {
    check(UNSEEN);
    for code in [1, 400] {
        for message in ["Please try again.", "Try again later."] {
            let found = |status| of_create(status, Some(code), &Words::of(message, &[]));
            assert_eq!((found(400), found(429)), (F::OutcomeUnknown, F::RateLimited), "{code} {message}");
        }
    }
}

#[test]
fn one_kind_of_refusal_is_not_taken_for_another() {
    check(MISTAKEN);
}

/// Under this status nothing else is meant, unless the words are about the pin.
#[test]
fn a_429_is_about_the_rate_whatever_its_code() {
    for code in [1, 8, 29, 400, 403] {
        for message in ["", "Please try again later.", "Slow down, please"] {
            let found = of_create(429, Some(code), &Words::of(message, &[]));
            assert_eq!(found, F::RateLimited, "{code} {message}");
        }
    }
    assert_eq!(of_create(429, Some(1), &Words::of("The title is too long", &[])), F::InvalidRequest);
}

#[test]
fn what_the_app_may_not_do_is_told_from_scopes_and_boards() {
    check(APPS_AND_FIELDS);
}

/// Own texts of the same words choose no failure: quoted, behind the name of their field, or cut off.
#[test]
fn our_own_texts_of_these_kinds_choose_no_failure() {
    let kinds = [
        OBJECTS,
        NO_OBJECTS,
        IMAGE_HOSTS,
        ONE_PINS_FAULT,
        ACCOUNTS,
        PERHAPS_CREATED,
        APPS_AND_FIELDS,
        MISTAKEN,
        UNSEEN,
        BLOCKS_FOR_SPAM,
        NOT_DONE_FOR_A_REASON,
        ONE_PINS_LIMITS_AND_BLOCKS,
    ];
    let every: Vec<&str> = kinds.into_iter().flatten().map(|(_, message, _)| *message).collect();
    let is_plain = |text: &&&str| !text.contains(['"', '“', '[', ':']) && !text.contains(" '");
    for own in every.iter().filter(is_plain) {
        for echo in [
            format!("Title '{own}' is too long"),
            format!("“{own}” is too long for a title"),
            format!("Title {own} is too long"),
            format!("Title {own}… is too long"),
        ] {
            for code in [1, 400] {
                let found = of_create(400, Some(code), &Words::of(&echo, &[own]));
                assert_eq!(found, F::InvalidRequest, "{code} {echo}");
            }
        }
    }
    // What it is said of stays the same where a text of ours is repeated behind it.
    for (code, message, failure) in kinds.into_iter().flatten() {
        for own in [
            "Curly secret boards of other people, saved too fast",
            "How to: inappropriate words that violate our guidelines",
            "My access token expired & the image host had an internal error",
        ] {
            let cut: String = own.chars().take(20).collect();
            for echo in [
                format!("{message} {own}"),
                format!("{message} '{own}'"),
                format!("{message} (“{own}”)"),
                format!("{own}: {message}"),
                format!("{message} {cut}…"),
            ] {
                let found = of_create(400, Some(*code), &Words::of(&echo, &[own]));
                assert_eq!(found, *failure, "{code} {echo}");
            }
        }
    }
}
