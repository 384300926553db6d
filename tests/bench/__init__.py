"""softliq's own benchmark: the reference policy, its books, and the same policy written by hand."""
