-- Asks Signalbox's edge about a request, and writes down who the caller is.
local EDGE = "http://127.0.0.1:8000/.signalbox/auth"

-- What the edge looks at, besides what it is told below.
local SHOWN = {
    "authorization", "cookie", "accept", "x-api-key", "dpop", "origin", "sec-fetch-site",
    "sec-fetch-mode", "sec-websocket-key", "x-request-id",
}

-- A list that begins at 0, or at 1, as one that begins at 1.
local function values(list)
    local all = {}
    for index = 0, #list do
        if list[index] then all[#all + 1] = list[index] end
    end
    return all
end

core.register_action("signalbox", { "http-req" }, function(txn)
    local given = txn.http:req_get_headers()
    local asked = {
        ["host"] = values(given["host"] or {}),
        ["x-forwarded-method"] = { txn.sf:method() },
        ["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" },
        ["x-forwarded-host"] = values(given["host"] or {}),
        ["x-forwarded-uri"] = { txn.sf:pathq() },
        ["x-forwarded-for"] = { txn.sf:src() },
    }
    for _, name in ipairs(SHOWN) do
        if given[name] then asked[name] = values(given[name]) end
    end
    -- Nobody but the edge says who somebody is.
    for name in pairs(given) do
        if name:lower():gsub("[_.]", "-"):sub(1, 7) == "x-auth-" then
            txn.http:req_del_header(name)
        end
    end

    local answer = core.httpclient():get { url = EDGE, headers = asked }
    txn:set_var("txn.signalbox_status", answer and answer.status or 503)
    if not answer or not answer.headers then return end
    local function said(name)
        return answer.headers[name] and values(answer.headers[name])[1]
    end
    txn:set_var("txn.signalbox_decision", said("x-signalbox-decision") or "")
    txn:set_var("txn.signalbox_challenge", said("www-authenticate") or "")
    if said("set-cookie") then txn:set_var("txn.signalbox_session", said("set-cookie")) end
    if said("location") then txn:set_var("txn.signalbox_sign_in", said("location")) end
    if answer.status ~= 200 then return end
    for name in pairs(answer.headers) do
        if name:lower():sub(1, 7) == "x-auth-" then
            txn.http:req_set_header(name, said(name))
        end
    end
end)
